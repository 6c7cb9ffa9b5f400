"""Every message of the language, word for word: what is wrong, where, and what to do.

A row is a text and the first line that refuses it, without the file name and the word "error"; a list has every line.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cnncalc.cli.main import run
from cnncalc.errors import CnncalcError, SpecError, SpecErrors, format_error, format_errors
from cnncalc.ops import OPS, base
from cnncalc.spec import reader, zoo

Refusal = Callable[[str | bytes], list[str]]
Folder = Callable[..., Callable[[str], Any]]

NET = "cnncalc: 1\ninput: [3, 32, 32]\n"

#: one layer, on line 4
LAYERS = [
    # operations
    ("{conv2: 3, kernel: 3}", "4:6: unknown operator 'conv2' (hint: did you mean conv or dwconv?)"),
    ("{maxpol: 3}", "4:6: unknown operator 'maxpol' (hint: did you mean maxpool, maxout, max or avgpool?)"),
    ("{Conv: 3, kernel: 3}", "4:6: unknown block 'Conv' (hint: write conv, which takes its outputs first; cnncalc works out the input channels)"),
    ("{Bottelneck: 3}", "4:6: unknown block 'Bottelneck'"),
    ("batchnorm", "4:5: unknown operator 'batchnorm' (hint: write bn)"),
    ("zigzag", "4:5: unknown operator 'zigzag'"),
    # words of other frameworks
    ("ln", "4:5: unknown operator 'ln' (hint: write layernorm)"),
    ("{sum: [prev, input]}", "4:6: unknown operator 'sum' (hint: write add)"),
    ("{mha: 3}", "4:6: unknown operator 'mha' (hint: write attention)"),
    ("{Conv2d: [3, 8, 3]}", "4:6: unknown block 'Conv2d' (hint: write conv, which takes its outputs first; cnncalc works out the input channels)"),
    ("{Linear: 10}", "4:6: unknown block 'Linear' (hint: write linear, which takes its outputs first; cnncalc works out the input channels)"),
    ("BatchNorm2d", "4:5: unknown block 'BatchNorm2d' (hint: write bn)"),
    ("ReLU", "4:5: unknown block 'ReLU' (hint: write relu)"),
    ("{MaxPool2d: 2}", "4:6: unknown block 'MaxPool2d' (hint: write maxpool)"),
    ("{AveragePooling2D: 2}", "4:6: unknown block 'AveragePooling2D' (hint: write avgpool)"),
    ("{AdaptiveAvgPool2d: 1}", "4:6: unknown block 'AdaptiveAvgPool2d' (hint: write adaptive_avgpool)"),
    ("Flatten", "4:5: unknown block 'Flatten' (hint: write flatten)"),
    ("{Dropout: 0.5}", "4:6: unknown block 'Dropout' (hint: write dropout)"),
    ("{conv: 8, in: 3, kernel: 3}", "4:15: conv has no argument 'in' (hint: cnncalc works out the input channels)"),
    ("{conv: 8, in_channels: 3, kernel: 3}", "4:15: conv has no argument 'in_channels' (hint: cnncalc works out the input channels)"),
    ("{conv: 3, kernel: 3, pad: valid}", "4:31: pad must be a whole number, one per axis, same, same_tf or full, not 'valid' (hint: write pad: 0)"),
    ("{avgpool: global}", "4:15: kernel must be a whole number or one per axis, not 'global' (hint: write global_avgpool, or global_maxpool)"),
    ("{conv: 3, kernel: 3, norm: BatchNorm2d}", "4:32: unknown norm 'BatchNorm2d' (hint: write bn)"),
    ("{conv: 3, kernel: 3, norm: Linear}", "4:32: unknown norm 'Linear' (hint: such as bn, layernorm, groupnorm, instancenorm, pixelnorm)"),
    ("{conv: 3, kernel: 3, act: zz}", "4:31: unknown act 'zz' (hint: such as relu, relu6, leaky_relu, elu, selu)"),
    # a space that is missing
    ("conv:3", "4:5: unknown operator 'conv:3' (hint: write a space after ':')"),
    ("{conv:3, kernel: 3}", "4:6: the value of 'conv:3' is empty (hint: write a space after ':')"),
    ("conv:3\n    kernel: 3", "5:11: unexpected ':' (hint: write a space after ':')"),
    ("relu\n  -{conv: 3, kernel: 3}", "5:3: wrong indentation or brackets (hint: write a space after '-')"),
    # what other frameworks have and this language does not, or not yet
    ("{lstm: 512, layers: 2}", "4:6: unknown operator 'lstm' (hint: there are no recurrent layers yet)"),
    ("gru", "4:5: unknown operator 'gru' (hint: there are no recurrent layers yet)"),
    ("{embedding: [20, 300]}", "4:6: unknown operator 'embedding' (hint: there is no embedding of ids yet: begin with its result, 'input: {tokens: 128, features: 768}')"),
    ("matmul", "4:5: unknown operator 'matmul' (hint: there is no product of two values yet; mul multiplies them number by number)"),
    ("{bmm: [a, b]}", "4:6: unknown operator 'bmm' (hint: there is no product of two values yet; mul multiplies them number by number)"),
    ("transpose", "4:5: unknown operator 'transpose' (hint: there is no transposition; tokens makes a sequence of a map, feature_map a map of a sequence)"),
    ("{permute: [0, 2, 1]}", "4:6: unknown operator 'permute' (hint: there is no transposition; tokens makes a sequence of a map, feature_map a map of a sequence)"),
    ("reshape", "4:5: unknown operator 'reshape' (hint: flatten makes a vector, tokens a sequence of a map, feature_map a map of a sequence)"),
    ("{view: [2, 3]}", "4:6: unknown operator 'view' (hint: flatten makes a vector, tokens a sequence of a map, feature_map a map of a sequence)"),
    ("identity", "4:5: unknown operator 'identity' (hint: write 'layers: []' where a value is only passed on)"),
    ("sub", "4:5: unknown operator 'sub' (hint: write scale: -1 behind the value that is taken away, and add)"),
    ("exp", "4:5: unknown operator 'exp' (hint: there is no exp)"),
    ("outer", "4:5: unknown operator 'outer' (hint: there is no product of two values yet; mul multiplies them number by number)"),
    ("{max_unpool: p}", "4:6: unknown operator 'max_unpool' (hint: there is no unpooling yet; upsample makes maps of the same sizes)"),
    ("{MaxUnpool2d: 2}", "4:6: unknown block 'MaxUnpool2d' (hint: there is no unpooling yet; upsample makes maps of the same sizes)"),
    ("RMSNorm", "4:5: unknown block 'RMSNorm' (hint: pixelnorm computes it; {affine: [], bias: false} behind it is its weight)"),
    ("{deform_conv2d: 8, kernel: 3}", "4:6: unknown operator 'deform_conv2d' (hint: there is no deformable convolution yet)"),
    ("{upsample: [], size: [101, 101], mode: bilinear}", "4:20: upsample has no argument 'size' (hint: upsample takes a whole factor; a size to reach is not there yet)"),
    ("{upsample: 2, mode: trilinear}", "4:25: mode must be nearest or bilinear, not 'trilinear' (hint: other interpolations are not there yet; nearest has the same sizes)"),
    ("{upsample: 2, mode: bicubic}", "4:25: mode must be nearest or bilinear, not 'bicubic' (hint: other interpolations are not there yet; nearest has the same sizes)"),
    ("{conv: 1, kernel: 7, pad: 3, pad_mode: reflect}", "4:34: conv has no argument 'pad_mode' (hint: padding is zeros; every other mode has the same params and macs)"),
    ("{conv: 1, kernel: 7, padding_mode: circular}", "4:26: conv has no argument 'padding_mode' (hint: padding is zeros; every other mode has the same params and macs)"),
    ("{conv: 8, kernel: 3, frozen: true}", "4:26: conv has no argument 'frozen' (hint: there are no frozen weights yet: every weight is trained)"),
    ("{conv: 8, kernel: 3, requires_grad: false}", "4:26: conv has no argument 'requires_grad' (hint: there are no frozen weights yet: every weight is trained)"),
    ("{conv: 20, kernel: 5, spectral_norm: true}", "4:27: conv has no argument 'spectral_norm' (hint: there is no norm of weights yet)"),
    ("{linear: 5, weight_norm: true}", "4:17: linear has no argument 'weight_norm' (hint: there is no norm of weights yet)"),
    ("{attention: 32, head_dim: 128}", "4:21: attention has no argument 'head_dim' (hint: attention has features / heads for each head; other widths and a second input are not there yet)"),
    ("{attention: 32, kv_heads: 8}", "4:21: attention has no argument 'kv_heads' (hint: attention has features / heads for each head; other widths and a second input are not there yet)"),
    ("{conv: 8, kernel: reflect}", "4:23: kernel must be a whole number or one per axis, not 'reflect' (hint: padding is zeros; every other mode has the same params and macs)"),
    ("{relu: [], from: prev.a}", "4:22: no earlier layer is named 'prev.a' (hint: prev is a value alone: name the layer, and write NAME.a)"),
    ("{relu: [], from: input.b.c}", "4:22: no earlier layer is named 'input.b.c' (hint: input is a value alone: name the layer, and write NAME.b.c)"),
    ("{conv: '$widths[1]', kernel: 1}", "4:20: '[' is not allowed in the expression '$widths[1]' (hint: lists are for stages, which take a value for each; elsewhere a value has a variable of its own)"),
    ("{add: {x: stem, y: relu}}", "4:15: unknown operator 'stem' (hint: did you mean stages?)"),
    ("{concat: {x: [relu], y: Block}}", "4:29: unknown block 'Block'"),
    ("{feature_map: [4, 4]}", "4:23: feature_map takes 1 value, but got 2 (hint: a list of sizes is one value: 'feature_map: [[32, 32]]')"),
    # a word that is meant as the operation, beside one that is an operation and an argument
    ("{cov: 64, kernel: 3, pad: same}", "4:6: unknown operator 'cov' (hint: did you mean conv or dwconv?)"),
    ("{pad: same, kernel: 3, cov: 64}", "4:28: unknown operator 'cov' (hint: did you mean conv or dwconv?)"),
    ("{linaer: 64, scale: 2}", "4:6: unknown operator 'linaer' (hint: did you mean linear or layers?)"),
    ("{cov: 64, pad: 1, scale: 2}", "4:6: unknown operator 'cov' (hint: did you mean conv or dwconv?)"),
    ("{Blok: 64, layers: [relu]}", "4:6: unknown block 'Blok'"),
    ("{layernrom: [], affine: false}", "4:6: unknown operator 'layernrom' (hint: did you mean layernorm or layers?)"),
    ("{pad: 1, vlaue: 2}", "4:14: pad has no argument 'vlaue'"),
    ("{nmae: x, layers: [relu]}", "4:6: layers has no argument 'nmae' (hint: did you mean name?)"),
    ("{kernel: 3, stride: 2}", "4:5: a layer needs an operation, a block, layers or stages, but this has only kernel, stride"),
    ("{name: a}", "4:5: a layer needs an operation, a block, layers or stages"),
    ("{}", "4:5: a layer needs an operation, a block, layers or stages"),
    ("{conv: 3, maxpool: 3}", "4:5: a layer has one operation, but this has 2: conv, maxpool (hint: write each as a layer of its own)"),
    ("{conv: 3, kernel: 3, relu: []}", "4:5: a layer has one operation, but this has 2: conv, relu (hint: write each as a layer of its own)"),
    ("[relu]", "4:5: a layer is a word or a mapping, not a list (hint: a list of layers goes under layers:)"),
    ("stages", "4:5: stages needs a value (hint: for example 'stages: [...]')"),
    ("layers", "4:5: layers needs a value (hint: for example 'layers: [...]')"),
    ("add", "4:5: add needs a mapping of branches or a list of names (hint: for example 'add: [prev, conv1]' or 'add: {main: [...], shortcut: identity}')"),
    ("{layers: [relu], pads: 3}", "4:22: layers has no argument 'pads'"),
    ("{layers: [relu], pad: 3}", "4:5: a layer has one operation, but this has 2: layers, pad (hint: write each as a layer of its own)"),
    # arguments
    ("{conv: 3, kernal: 3}", "4:15: conv has no argument 'kernal' (hint: did you mean kernel?)"),
    ("{conv: 3}", "4:6: conv needs kernel (hint: add kernel:)"),
    ("conv", "4:5: conv needs out (hint: for example 'conv: 3')"),
    ("maxpool", "4:5: maxpool needs kernel (hint: for example 'maxpool: 3')"),
    ("{maxpool: 3, act: relu}", "4:18: maxpool has no argument 'act' (hint: write it as a layer of its own)"),
    ("{relu: 3}", "4:12: relu takes no value (hint: write relu alone, or relu: [])"),
    ("{maxpool: [2, 2, 0, 1, false, 8]}", "4:35: maxpool takes 5 values, but got 6 (hint: for its arguments: kernel, stride, pad, dilation, ceil)"),
    ("{feature_map: [32, 32]}", "4:24: feature_map takes 1 value, but got 2 (hint: a list of sizes is one value: 'feature_map: [[32, 32]]')"),
    ("{dropout: [1, 2]}", "4:19: dropout takes 1 value, but got 2 (hint: for its arguments: p)"),
    ("{linear: [3072, 10]}", "4:21: bias must be true or false, not 10 (hint: a list gives out, bias in this order; cnncalc works out the input channels)"),
    ("{conv: 2, kernel: 1, connections: 3}", "4:39: connections must be a list of lists of whole numbers, not text"),
    ("{conv: 2, kernal: 3, pad: 1}", "4:15: conv has no argument 'kernal' (hint: did you mean kernel?)"),
    ("{conv: 3, out: 4, kernel: 1}", "4:15: conv gets out twice: by position and by name"),
    ("{conv: 3, kernel: three}", "4:23: kernel must be a whole number or one per axis, not 'three'"),
    ("{conv: 3, kernel: [3, [3]]}", "4:27: kernel must be a whole number or one per axis, not a list"),
    ("{conv: 3, kernel: {h: 3}}", "4:23: kernel must be a whole number or one per axis, not a mapping"),
    ("{conv: {a: 3}, kernel: 3}", "4:12: out must be a whole number, not a mapping"),
    ("{conv: $x, kernel: 3}", "4:12: unknown variable $x (hint: put variables under vars:)"),
    ("{conv: 3, kernel: 3.0}", "4:23: kernel must be a whole number, not 3.0 (hint: write 3)"),
    ("{conv: 3, kernel: 3.5}", "4:23: kernel must be a whole number, not 3.5 (hint: floor(), ceil() or round() makes one)"),
    ("{conv: 3, kernel: [3.0, 3]}", "4:24: kernel must be a whole number, not 3.0 (hint: write 3)"),
    ("{conv: 7/2, kernel: 3}", "4:12: out must be a whole number, not 3.5 (hint: floor(), ceil(), round() or div8() makes a whole number of it)"),
    ("{conv: 10/3, kernel: 3}", "4:12: out must be a whole number, not 10/3 (hint: floor(), ceil(), round() or div8() makes a whole number of it)"),
    ("{conv: 1e3, kernel: 3}", "4:12: out must be a whole number, not 1e3 (hint: write 1000)"),
    ("{conv: 010, kernel: 3}", "4:12: a number can't start with 0: '010' (hint: write 10)"),
    ("{conv: 0x10, kernel: 3}", "4:12: '0x10' is not a valid number (hint: write 16)"),
    ("{conv: 0b11, kernel: 3}", "4:12: '0b11' is not a valid number (hint: write 3)"),
    ("{conv: 1_000, kernel: 3}", "4:12: '1_000' is not a valid number (hint: write 1000)"),
    ("{conv: 1:30, kernel: 3}", "4:12: '1:30' is not a valid number (hint: write numbers in decimal digits)"),
    ("{conv: +1, kernel: 3}", "4:12: '+1' is not a valid number (hint: write 1)"),
    ("{conv: \uff13, kernel: 3}", "4:12: U+FF13 is not allowed in the expression '\\uff13' (hint: write 3)"),
    ("{conv: ², kernel: 3}", "4:12: U+00B2 is not allowed in the expression '\\xb2' (hint: write 2)"),
    ("{conv: .inf, kernel: 3}", "4:12: '.inf' is not a valid number (hint: numbers are finite, at most 10^15)"),
    ("{conv: .nan, kernel: 3}", "4:12: '.nan' is not a valid number (hint: numbers are finite, at most 10^15)"),
    ("{conv: -1, kernel: 3}", "4:12: out must be from 1 to 2147483647, not -1"),
    ("{conv: 0, kernel: 3}", "4:12: out must be from 1 to 2147483647, not 0"),
    ("{conv: 2147483648, kernel: 3}", "4:12: out must be from 1 to 2147483647, not 2147483648"),
    ("{conv: 9999999999999999, kernel: 3}", "4:12: the number is larger than 10^15"),
    ("{conv: 1111111111111111111, kernel: 3}", "4:12: too many digits: '1111111111111111111' (hint: numbers go up to 10^15)"),
    ("{conv: 64k, kernel: 3}", "4:14: unexpected 'k' in the expression '64k' (hint: write K, M, G or T right after the number)"),
    ("{conv: 3, kernel: [1, 2, 3, 4]}", "4:23: kernel takes one value or one per axis (1 to 3), not 4"),
    ("{conv: 3, kernel: []}", "4:23: kernel takes one value or one per axis (1 to 3), not 0"),
    ("{conv: 3, kernel: 3, bias: no}", "4:32: bias must be true or false, not 'no' (hint: write true or false)"),
    ("{conv: 3, kernel: 3, bias: True}", "4:32: bias must be true or false, not 'True' (hint: write true or false)"),
    ("{conv: 3, kernel: 3, bias: 1}", "4:32: bias must be true or false, not 1"),
    ("{conv: 3, kernel: 3, bias: true and 1}", "4:37: expected true or false, not 1"),
    ("{conv: 3, kernel: 3, bias: [true, false]}", "4:32: bias must be true or false, not a list"),
    ("{conv: 3, kernel: 3, pad: sam}", "4:31: pad must be a whole number, one per axis, same, same_tf or full, not 'sam'"),
    ("{conv: 3, kernel: 3, pad: -1}", "4:31: pad must be from 0 to 2147483647, not -1"),
    ("{conv: 3, kernel: 3, pad: [same, 1]}", "4:31: pad must be a whole number, not 'same'"),
    ("{dropout: 1e999}", "4:15: p must be at most 10^15, not '1e999'"),
    ("{dropout: true}", "4:15: p must be a number, not true"),
    ("{dropout: x}", "4:15: p must be a number, not 'x'"),
    ("{upsample: 2, mode: cubic}", "4:25: mode must be nearest or bilinear, not 'cubic'"),
    ("{upsample: 2, mode: [cubic]}", "4:25: mode must be a word, not a list"),
    ("{conv: 3, kernel: 3, norm: batchnorm}", "4:32: unknown norm 'batchnorm' (hint: write bn)"),
    ("{conv: 3, kernel: 3, norm: relu}", "4:32: unknown norm 'relu' (hint: such as bn, layernorm, groupnorm, instancenorm, pixelnorm)"),
    ("{conv: 3, kernel: 3, act: rleu}", "4:31: unknown act 'rleu' (hint: did you mean relu, relu6 or prelu?)"),
    ("{conv: 3, kernel: 3, act: true}", "4:31: unknown act 'true' (hint: such as relu, relu6, leaky_relu, elu, selu)"),
    ("{conv: 3, kernel: 3, act: [relu]}", "4:31: act must be a word, not a list"),
    # cut by a comma
    ("{conv: max(1, 2), kernel: 3}", "4:19: a comma inside { } ends the value, so the expression is cut (hint: put the expression in quotes)"),
    ("{conv: 3, kernel: [max(1, 2), 3]}", "4:24: '(' is not closed in the expression 'max(1' (hint: inside { } and [ ] a comma ends the value: put the expression in quotes)"),
    ("{conv: 3, kernel: }", "4:15: the value of 'kernel' is empty (hint: write a value, [] for none, or remove the key)"),
    # names
    ("{relu: [], name: ''}", "4:22: '' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ("{relu: [], name: ~}", "4:22: '~' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ('{relu: [], name: "[/]"}', "4:22: '[/]' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ('{relu: [], name: "=1+1"}', "4:22: '=1+1' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ('{relu: [], name: "::error::x"}', "4:22: '::error::x' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ('{relu: [], name: "</script>"}', "4:22: '</script>' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ('{relu: [], name: "a\\nb"}', "4:22: 'a\\nb' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ("{relu: [], name: ../x}", "4:22: '../x' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ("{relu: [], name: a b}", "4:22: 'a b' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ("{relu: [], name: a.b}", "4:22: 'a.b' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ("{relu: [], name: é}", "4:22: '\\xe9' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ("{relu: [], name: -a}", "4:22: '-a' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ("{relu: [], name: input}", "4:22: the name 'input' is reserved by the language"),
    ("{relu: [], name: [a]}", "4:22: name must be a word, not a list"),
    ("{relu: [], name: a$x}", "4:23: unknown variable $x (hint: put variables under vars:)"),
    ("{relu: [], name: a-$in/2}", "4:22: 'a-3/2' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    # from
    ("{relu: [], from: sten}", "4:22: no earlier layer is named 'sten' (hint: one of: prev)"),
    ("{relu: [], from: me, name: me}", "4:22: no earlier layer is named 'me': that layer is on line 4 (hint: a layer can only read layers above it)"),
    ("{relu: [], from: []}", "4:22: from needs the name of a layer"),
    ("{relu: [], from: [input, prev]}", "4:5: relu 'relu1': takes 1 input, but got 2"),
    ("{relu: [], from: a b}", "4:22: 'a b' is not the name of a layer"),
    ("{relu: [], from: {a: 1}}", "4:22: from must be a word, not a mapping"),
    ("{relu: [], from: prev2}", "4:22: prev2 is the value before the last one, but there is only one value"),
    ("{relu: [], from: $in_d}", "4:22: $in_d has no value here: the input is a map 3x32x32"),
    ("{add: [prev, input], from: input}", "4:26: from can't stand beside a list of names, which are the inputs already"),
    ("{add: {a: [], b: []}, from: [input, prev]}", "4:41: only blocks and joins take several inputs, but got 2"),
    ("{layers: [relu], from: [input, prev]}", "4:36: only blocks and joins take several inputs, but got 2"),
    # when, repeat, first
    ("{relu: [], when: 3}", "4:22: when must be true or false, not 3"),
    ("{relu: [], when: yes}", "4:22: unknown word 'yes' in an expression (hint: write true or false)"),
    ("{relu: [], repeat: -1}", "4:24: repeat must be a whole number of at least 0, not -1"),
    ("{relu: [], repeat: 1.5}", "4:24: repeat must be a whole number of at least 0, not 1.5"),
    ("{relu: [], repeat: true}", "4:24: repeat must be a whole number of at least 0, not true"),
    ("{relu: [], repeat: three}", "4:24: unknown word 'three' in an expression (hint: write $three)"),
    ("{relu: [], repeat: [2]}", "4:24: repeat must be a number or an expression, not a list"),
    ("{relu: [], repeat: 1000000000}", "4:24: more than 100,000 layers"),
    ("{relu: [], first: {from: input}}", "4:16: first needs repeat"),
    ("{add: [input, input], repeat: 2}", "4:12: every repeat reads input and input, and none reads the repeat before (hint: write prev for the repeat before: 'add: [prev, input]')"),
    ("{add: [input, prev2], repeat: 2}", "4:12: every repeat reads input and prev2, and none reads the repeat before (hint: write prev for the repeat before: 'add: [prev, prev2]')"),
    ("{relu: [], repeat: 2, from: input, first: {from: prev}}", "4:33: from and first: {from: ...} both say what the first repeat reads (hint: remove one of them: a later repeat reads the repeat before)"),
    ("{conv: 3, kernel: 3, repeat: 2, first: 3}", "4:44: first must be a mapping of the arguments that differ in the first repeat"),
    ("{conv: [3, 3], repeat: 2, first: {kernel: 1}}", "4:39: first can't change kernel, which is given by position (hint: give kernel by name)"),
    ("{conv: 3, kernel: 3, repeat: 2, first: {kernl: 1}}", "4:45: conv has no argument 'kernl' (hint: did you mean kernel?)"),
    ("{conv: 3, kernel: 3, repeat: 2, first: {name: a}}", "4:45: first can't change name (hint: it takes arguments and from)"),
    # shared, inplace
    ("{conv: 3, kernel: 1, shared: prev}", "4:34: shared takes the name of a layer (hint: give that layer a name)"),
    ("{conv: 3, kernel: 1, shared: zz}", "4:34: no earlier layer is named 'zz' (hint: one of: prev)"),
    ("{conv: 3, kernel: 1, shared: [a, b]}", "4:38: shared takes the name of one layer"),
    ("{layers: [relu], shared: a}", "4:22: shared goes with an operator or a block"),
    ("{relu: [], inplace: maybe}", "4:25: inplace must be true or false, not 'maybe'"),
    ("{relu: [], inplace: [true]}", "4:25: inplace must be true or false, not a list"),
    ("{conv: 3, kernel: 1, inplace: true}", "4:35: conv can't run in place"),
    ("{layers: [relu], inplace: true}", "4:22: inplace goes with an operator or a join"),
    # joins
    ("{add: 3}", "4:11: add needs a mapping of branches or a list of names (hint: for example 'add: [prev, conv1]' or 'add: {main: [...], shortcut: identity}')"),
    ("{add: []}", "4:11: add needs the name of a layer"),
    ("{concat: [{conv: 8, kernel: 1}, {conv: 8, kernel: 1}]}", "4:15: concat must be a word, not a mapping (hint: name the branches: 'concat: {a: {conv: ...}, b: [...]}')"),
    ("{add: [prev, [{conv: 8, kernel: 1}]]}", "4:18: add must be a word, not a list (hint: name the branches: 'add: {a: {conv: ...}, b: [...]}')"),
    ("add:\n    main: [relu]\n    shortcut: identity", "4:5: the value of 'add' is empty (hint: write a value, indented deeper than the key, [] for none, or remove the key)"),
    ("add:\n      main: [relu]\n    shortcut: identity", "6:5: add has no argument 'shortcut' (hint: a branch stands under add:, indented deeper)"),
    ("{add: {a: [{conv: 3, kernel: 1, stride: 2}], b: identity}}", "4:5: add 'add1': inputs must have the same shape (or 1 to broadcast), but they are 3x16x16 and 3x32x32 (hint: pad: same with stride: 1 keeps the size (a pool's stride is its window unless said))"),
    ("{add: [prev]}", "4:11: add needs at least 2 inputs, but got 1"),
    ("{add: {}}", "4:11: add needs at least 2 branches, but got 0"),
    ("{add: {a: identity}}", "4:11: add needs at least 2 branches, but got 1"),
    ("{add: {a: [], b: []}, axis: 1}", "4:27: add has no argument 'axis' (hint: a branch stands under add:, indented deeper)"),
    ("{add: {a: {when: false, layers: []}, b: {when: false, layers: []}}}", "4:5: add 'add1' has no branch left (hint: write [] for a branch that only passes its input on)"),
    ("{add: {a.b: identity, b: []}}", "4:12: 'a.b' can't be the name of a branch (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ("{add: {a: idenity, b: []}}", "4:15: unknown operator 'idenity' (hint: did you mean identity?)"),
    ("{add: {a: {layers: [], wen: true}, b: []}}", "4:28: layers has no argument 'wen' (hint: did you mean when?)"),
    ("{add: {a: [{conv: 8, kernel: 3}], b: identity}}", "4:5: add 'add1': inputs must have the same shape (or 1 to broadcast), but they are 8x30x30 and 3x32x32 (hint: a convolution with kernel 1 in the shortcut gives it the other's channels, its stride the size)"),
    ("{concat: {a: [{conv: 8, kernel: 3}], b: identity}}", "4:5: concat 'concat1': inputs must have the same spatial size, but they are 8x30x30 and 3x32x32 (hint: pad: same with stride: 1 keeps the size (a pool's stride is its window unless said))"),
    # stages
    ("{stages: {w: [1, 2]}}", "4:6: stages needs each (hint: each: is the list of layers of one stage)"),
    ("{stages: 3, each: [relu]}", "4:14: stages needs columns or a table (hint: for example 'stages: {width: [64, 128], blocks: [2, 2]}')"),
    ("{stages: {}, each: [relu]}", "4:14: stages has no column"),
    ("{stages: {w: [1, 2], b: [1]}, each: [relu]}", "4:30: the column b has 1 value, but w has 2"),
    ("{stages: {w: [1, 2], b: []}, each: [relu]}", "4:5: the column b has 0 values, but w has 2"),
    ("{stages: {w: 3}, each: [relu]}", "4:18: the column w must be a list, not 3"),
    ("{stages: {w: [1], in: [2]}, each: [relu]}", "4:23: the variable $in is set by the language"),
    ("{stages: {a-b: [1]}, each: [relu]}", "4:15: 'a-b' can't be the name of a variable (hint: letters, digits and _)"),
    ("{stages: [[w, b], [1]], each: [relu]}", "4:23: the row has 1 value, but the header has 2 columns"),
    ("{stages: [[w, w], [1, 2]], each: [relu]}", "4:19: duplicate column 'w'"),
    ("{stages: [[w]], each: [relu]}", "4:14: a stages table needs a header and at least one row"),
    ("{stages: [w, 1], each: [relu]}", "4:15: a row of a stages table must be a list, not text"),
    ("{stages: [[[w]], [1]], each: [relu]}", "4:16: the first row of a stages table holds the names of the columns"),
    ("{stages: {w: {a: 1}}, each: [relu]}", "4:18: expected a value or a list, not a mapping"),
    ("{stages: {w: [1]}, each: [relu], repat: 2}", "4:38: stages has no argument 'repat' (hint: did you mean repeat?)"),
    ("{stages: {w: [1]}, each: [relu], repeat: 2}", "4:38: stages does not take repeat (hint: put the stages under layers:, which does)"),
    ("{stages: {w: [1]}, each: [relu], from: input}", "4:38: stages does not take from (hint: put the stages under layers:, which does)"),
    ("{stages: {w: [1]}, each: [relu], shared: a}", "4:38: shared goes with an operator or a block"),
    # shapes, from the graph
    ("{conv: 3, kernel: 99}", "4:5: conv 'conv1': the window does not fit: (32 + 2*0 - 99)/1 + 1 = -66"),
    ("{conv: 3, kernel: 1, groups: 2}", "4:5: conv 'conv1': groups must divide the input channels, but 2 does not divide 3"),
    ("{conv: 3, kernel: 2, pad: same}", "4:5: conv 'conv1': pad 'same' is symmetric and needs an odd window, but the kernel is 2 (hint: give pad as a number, or pad: same_tf for TensorFlow's rule)"),
    ("{conv: 3, kernel: [1, 2, 3]}", "4:5: conv 'conv1': kernel has 3 values, but the input has 2 spatial axes"),
    ("{conv: $in_d, kernel: 1}", "4:12: $in_d has no value here: the input is a map 3x32x32"),
    ("{conv: 2000000000, kernel: 2000000000, pad: 2000000000}", "4:5: conv 'conv1': more than 2^63 - 1 elements: 2000000000x2000000033x2000000033"),
    ("{linear: 3}", "4:5: linear 'linear1': takes vectors, sequences or tensors, but the input is a map 3x32x32 (hint: put flatten, or global_avgpool and flatten, before it)"),
]  # fmt: skip

SPECS = [
    # version
    ('cnncalc: 99\nlayers: [relu]', "1:10: the version of the language must be 1, not '99' (hint: pip install --upgrade cnncalc)"),
    ("cnncalc: 0", "1:10: the version of the language must be 1, not '0' (hint: write cnncalc: 1)"),
    ("cnncalc: 1.0", "1:10: the version of the language must be 1, not '1.0' (hint: write cnncalc: 1)"),
    ("cnncalc: ²", "1:10: the version of the language must be 1, not '\\xb2' (hint: write cnncalc: 1)"),
    ("cnncalc: [1]", "1:10: the version of the language must be 1, not a list (hint: write cnncalc: 1)"),
    ("name: a", "1:1: the first key must be 'cnncalc: 1', not 'name'"),
    ("{}", "1:1: a spec is a mapping of keys, but this is empty (hint: the first key is 'cnncalc: 1')"),
    ("name: a\ncnncalc: 1\ninput: [3, 32, 32]\nlayers: [relu]", "2:1: cnncalc must be the first key"),
    # top level
    ('cnncalc: 1\nlayer: [relu]', "2:1: unknown key 'layer' (hint: did you mean layers?)"),
    ('cnncalc: 1\nzebra: [relu]', "2:1: unknown key 'zebra'"),
    ('cnncalc: 1\nname: a', "1:1: 'a' has no layers: it is a library of blocks (hint: name it under uses: in a network)"),
    ('cnncalc: 1\nlayers: [relu]', "2:1: a spec with layers needs input or inputs (hint: for example 'input: [3, 224, 224]')"),
    (NET + "layers: []", "3:9: layers is empty"),
    (NET + "layers: {a: 1}", "3:10: unknown operator 'a'"),
    (NET + 'name: a b\nlayers: [relu]', "3:7: 'a b' can't be the name of a spec (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    (NET + 'title: [a]\nlayers: [relu]', "3:8: title must be text, not a list"),
    ('cnncalc: 1\nextends: [vgg16]', "2:10: extends must be text, not a list"),
    (NET + "layers:\n  -{conv: 3, kernel: 3}", "4:20: unexpected ':' (hint: write a space after '-')"),
    (NET + "layers: [vgg16]", "3:10: unknown operator 'vgg16' (hint: write 'extends: vgg16' at the top, and '{base: NAME}' for its layers)"),
    (NET + "layers: [flatten, {linear: $prev_h}]", "3:28: $prev_h has no value here: the value read here is a vector of 3072"),
    # input
    ('cnncalc: 1\ninput: \nlayers: [relu]', "2:1: the value of 'input' is empty (hint: write a value, indented deeper than the key, [] for none, or remove the key)"),
    ('cnncalc: 1\ninput: []\nlayers: [relu]', "2:8: input must be a list of the channels and up to 3 spatial sizes, or a mapping, not 0 values (hint: for example [3, 224, 224], {tokens: 196, features: 768} or {tokens: 77, ids: 49408}, without a batch axis)"),
    ('cnncalc: 1\ninput: [3, 4, 5, 6, 7]\nlayers: [relu]', "2:8: input must be a list of the channels and up to 3 spatial sizes, or a mapping, not 5 values (hint: for example [3, 224, 224], {tokens: 196, features: 768} or {tokens: 77, ids: 49408}, without a batch axis)"),
    ('cnncalc: 1\ninput: 3\nlayers: [relu]', "2:8: input must be a list of the channels and up to 3 spatial sizes, or a mapping, not text (hint: for example [3, 224, 224], {tokens: 196, features: 768} or {tokens: 77, ids: 49408}, without a batch axis)"),
    ('cnncalc: 1\ninput: 3x224x224\nlayers: [relu]', "2:8: input must be a list of the channels and up to 3 spatial sizes, or a mapping, not text (hint: for example [3, 224, 224], {tokens: 196, features: 768} or {tokens: 77, ids: 49408}, without a batch axis)"),
    # inputs
    ('cnncalc: 1\ninput: [3]\ninputs: {a: [3]}\nlayers: [relu]', "3:1: a spec can't have both input and inputs; input is on line 2 (hint: use input for one value, inputs for several with names)"),
    ('cnncalc: 1\ninputs: {Tower: [3]}\nblocks: {Tower: {layers: [relu]}}\nlayers: [relu]', "2:10: the input 'Tower' has the name of a block, defined in net.yaml:3:10"),
    ('cnncalc: 1\ninputs: {width: [3]}\nvars: {width: 3}\nlayers: [relu]', "2:10: the input 'width' has the name of a variable, defined in net.yaml:3:15"),
    ('cnncalc: 1\ninputs: {relu: [3]}\nlayers: [relu]', "2:10: the input 'relu' has the name of an operator"),
    ('cnncalc: 1\ninputs: {a: [3], b: [3]}\nlayers: [relu]', "2:21: nothing reads the input 'b' (hint: write 'from: b' on a layer that reads it)"),
    ('cnncalc: 1\ninputs: {a: [3], a: [4]}\nlayers: [relu]', "2:18: duplicate key 'a', first on line 2"),
    ('cnncalc: 1\ninputs: {a: [3]}\nlayers: [{relu: [], name: a}]', "3:10: duplicate layer name 'a', first on line 2 (hint: give one of them another name)"),
    ('cnncalc: 1\ninputs: {prev: [3]}\nlayers: [relu]', "2:10: the name 'prev' is reserved by the language"),
    ('cnncalc: 1\ninputs: [a, b]\nlayers: [relu]', "2:9: inputs must be a mapping of names to shapes (hint: for example 'inputs: {image: [3, 224, 224], text: {tokens: 77, features: 512}}')"),
    ('cnncalc: 1\ninputs: {}\nlayers: [relu]', "2:9: inputs must be a mapping of names to shapes (hint: for example 'inputs: {image: [3, 224, 224], text: {tokens: 77, features: 512}}')"),
    ('cnncalc: 1\ninputs: {a: 3}\nlayers: [relu]', "2:13: the input 'a' must be a list of the channels and up to 3 spatial sizes, or a mapping, not text (hint: for example [3, 224, 224], {tokens: 196, features: 768} or {tokens: 77, ids: 49408}, without a batch axis)"),
    ('cnncalc: 1\ninputs: {a: [[3]]}\nlayers: [relu]', "2:13: the input 'a' takes one shape, not a list of shapes (hint: give several inputs names: 'inputs: {left: [1, 16, 16], right: [1, 28, 28]}')"),
    ('cnncalc: 1\ninputs: {a: {tokens: 3}}\nlayers: [relu]', "2:13: the input 'a' can't be a mapping of tokens (hint: for example [3, 224, 224], {tokens: 196, features: 768} or {tokens: 77, ids: 49408}, without a batch axis)"),
    ('cnncalc: 1\ninputs: {a: {tokens: 0, features: 3}}\nlayers: [relu]', '2:22: a size of the input must be a whole number from 1 to 2147483647, not 0'),
    ('cnncalc: 1\ninputs: {a: {ids: 1.5}}\nlayers: [relu]', '2:19: a size of the input must be a whole number from 1 to 2147483647, not 1.5'),
    ('cnncalc: 1\ninputs: {a: {ids: 10}}\nlayers: [relu]', "3:10: relu 'relu1': takes maps, sequences, vectors or tensors, but the input is one id"),
    ('cnncalc: 1\ninputs: {a b: [3]}\nlayers: [relu]', "2:10: 'a b' can't be the name of an input (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    ('cnncalc: 1\ninputs: {a: [3], b: [3]}\nlayers: [{add: [a, c]}]', "3:20: no earlier layer is named 'c' (hint: one of: a, b, prev)"),
    ('cnncalc: 1\ninputs: {a: [3], input: [3]}\nlayers: [{add: [a, input]}]', "2:18: the name 'input' is reserved by the language"),
    ('cnncalc: 1\ninput: [[1, 16, 16], [1, 28, 28]]\nlayers: [relu]', "2:8: input takes one shape, not a list of shapes (hint: give several inputs names: 'inputs: {left: [1, 16, 16], right: [1, 28, 28]}')"),
    ('cnncalc: 1\ninput: {c: 3}\nlayers: [relu]', "2:8: input can't be a mapping of c (hint: for example [3, 224, 224], {tokens: 196, features: 768} or {tokens: 77, ids: 49408}, without a batch axis)"),
    ('cnncalc: 1\ninput: [3, 0, 3]\nlayers: [relu]', "2:12: a size of the input must be a whole number from 1 to 2147483647, not 0"),
    ('cnncalc: 1\ninput: [3, -1, 3]\nlayers: [relu]', "2:12: a size of the input must be a whole number from 1 to 2147483647, not -1"),
    ('cnncalc: 1\ninput: [3, x, 3]\nlayers: [relu]', "2:12: unknown word 'x' in an expression (hint: write $x)"),
    ('cnncalc: 1\ninput: [3, 1.5, 3]\nlayers: [relu]', "2:12: a size of the input must be a whole number from 1 to 2147483647, not 1.5"),
    ('cnncalc: 1\ninput: [3, true, 3]\nlayers: [relu]', "2:12: a size of the input must be a whole number from 1 to 2147483647, not true"),
    ('cnncalc: 1\ninput: [3, [4], 3]\nlayers: [relu]', "2:12: a size must be a number or an expression, not a list"),
    ('cnncalc: 1\ninput: [3, $n, 4]\nlayers: [relu]', "2:12: unknown variable $n (hint: put variables under vars:)"),
    ('cnncalc: 1\ninput: [3000000000, 1, 1]\nlayers: [relu]', "2:9: a size of the input must be a whole number from 1 to 2147483647, not 3000000000"),
    ('cnncalc: 1\ninput: [1000000000, 1000000000, 1000000000]\nlayers: [relu]', "2:8: input: more than 2^63 - 1 elements: 1000000000x1000000000x1000000000"),
    # vars
    (NET + 'vars: {a: $b, b: $c, c: $a}\nlayers: [{conv: $a, kernel: 1}]', "3:25: a variable can't depend on itself: $a -> $b -> $c -> $a"),
    (NET + 'vars: {a: $zz}\nlayers: [{conv: $a, kernel: 1}]', "3:11: unknown variable $zz (hint: one of: a)"),
    (NET + 'vars: {a: {b: 1}}\nlayers: [{conv: $a, kernel: 1}]', "3:11: expected a value or a list, not a mapping"),
    (NET + 'vars: [a]\nlayers: [{conv: $a, kernel: 1}]', ["3:7: vars must be a mapping, not a list", "4:17: unknown variable $a (hint: put variables under vars:)"]),
    (NET + 'vars: {in: 3, a: 1}\nlayers: [{conv: $a, kernel: 1}]', "3:8: the variable $in is set by the language"),
    (NET + 'vars: {a-b: 3, a: 1}\nlayers: [{conv: $a, kernel: 1}]', "3:8: 'a-b' can't be the name of a variable (hint: letters, digits and _)"),
    (NET + "vars: {a: ''}\nlayers: [{conv: $a, kernel: 1}]", "3:12: the expression is empty"),
    (NET + 'vars: {ab: 3}\nlayers: [{conv: $a, kernel: 1}]', "4:17: unknown variable $a (hint: did you mean ab?)"),
    (NET + 'vars: {a: $in}\nlayers: [{conv: $a, kernel: 1}]', "3:11: unknown variable $in (hint: one of: a)"),
    (NET + 'vars: {a: word}\nlayers: [{conv: $a, kernel: 1}]', "4:17: out must be a whole number, not 'word'"),
    (NET + 'vars: {a: [1, 2]}\nlayers: [{conv: $a, kernel: 1}]', "4:17: out must be a whole number, not [1, 2]"),
    (NET + 'vars: {a: 1/0}\nlayers: [{conv: $a, kernel: 1}]', "3:12: division by zero: 1 / 0"),
    # defaults
    (NET + 'defaults: {conv: {kernel: three}}\nlayers: [{conv: 3}]', "3:27: kernel must be a whole number or one per axis, not 'three'"),
    (NET + 'defaults: {conv: {kernel: 3}, bn: {affine: no}}\nlayers: [{conv: 3}]', "3:44: affine must be true or false, not 'no' (hint: write true or false)"),
    (NET + 'defaults: {conv: {kernel: 3}, add: {a: 1}}\nlayers: [{conv: 3}]', "3:31: defaults are for operators, not 'add' (hint: did you mean pad?)"),
    (NET + 'defaults: {conv: [3]}\nlayers: [{conv: 3}]', ["3:18: the defaults of conv must be a mapping, not a list", "4:11: conv needs kernel (hint: add kernel:)"]),
    (NET + 'defaults: {conv: {kernal: 3}}\nlayers: [{conv: 3}]', ["3:19: conv has no argument 'kernal' (hint: did you mean kernel?)", "4:11: conv needs kernel (hint: add kernel:)"]),
    (NET + 'defaults: [conv]\nlayers: [{conv: 3}]', ["3:11: defaults must be a mapping, not a list", "4:11: conv needs kernel (hint: add kernel:)"]),
    (NET + 'defaults: {conv: {kernel: 3, act: rleu}}\nlayers: [{conv: 3}]', "3:35: unknown act 'rleu' (hint: did you mean relu, relu6 or prelu?)"),
    (NET + 'defaults: {conv: {kernel: 0}}\nlayers: [{conv: 3}]', "3:27: kernel must be from 1 to 2147483647, not 0"),
    # blocks
    (NET + 'blocks: {A: {args: [w], layers: [{conv: $w, kernel: 1}]}}\nlayers: [A]', "4:10: block A needs w (hint: add w:)"),
    (NET + 'blocks: {A: {args: [w], layers: [{conv: $w, kernel: 1}]}}\nlayers: [{A: [1, 2]}]', "4:18: A takes 1 value, but got 2 (hint: for its arguments: w)"),
    (NET + 'blocks: {A: {args: [w], layers: [{conv: $w, kernel: 1}]}}\nlayers: [{A: 3, w: 4}]', "4:17: A gets w twice: by position and by name"),
    (NET + 'blocks: {A: {args: [width], layers: [relu]}}\nlayers: [{A: 3, widht: 4}]', "4:17: A has no argument 'widht' (hint: did you mean width?)"),
    (NET + 'blocks: {A: {args: [w], layers: [{conv: $w, kernel: 1}]}}\nlayers: [{A: b}]', "3:41: out must be a whole number, not 'b'"),
    (NET + 'blocks: {A: {layers: [relu]}}\nlayers: [{A: 3}]', "4:14: A takes no value (hint: write A alone, or A: [])"),
    (NET + 'blocks: {A: {args: [width], layers: [relu]}}\nlayers: [{A: {b: 1}}]', "4:14: expected a value or a list, not a mapping"),
    (NET + 'blocks: {Bottleneck: {layers: [relu]}}\nlayers: [Bottelneck]', "4:10: unknown block 'Bottelneck' (hint: did you mean Bottleneck?)"),
    (NET + 'blocks: [A]\nlayers: [relu]', "3:9: blocks must be a mapping, not a list"),
    (NET + 'blocks: {A: [relu]}\nlayers: [A]', "3:13: block A must be a mapping with layers, not a list"),
    (NET + 'blocks: {A: {layer: [relu]}}\nlayers: [A]', "3:14: a block has no key 'layer' (hint: did you mean layers?)"),
    (NET + 'blocks: {A: {args: [a=1]}}\nlayers: [A]', "3:13: block A needs layers"),
    (NET + 'blocks: {a: {layers: [relu]}}\nlayers: [a]', "3:10: 'a' can't be the name of a block (hint: a block starts with a capital letter)"),
    (NET + 'blocks: {conv: {layers: [relu]}}\nlayers: [{conv: 3}]', "3:10: 'conv' can't be the name of a block (hint: a block starts with a capital letter)"),
    (NET + 'blocks: {A: {args: [a=1, b], layers: [relu]}}\nlayers: [A, A]', "3:26: the argument 'b' needs a default, because one before it has one"),
    (NET + 'blocks: {A: {args: [a, a], layers: [relu]}}\nlayers: [relu]', "3:24: duplicate argument 'a'"),
    (NET + 'blocks: {A: {args: [name], layers: [relu]}}\nlayers: [relu]', "3:21: the argument 'name' has the name of a modifier"),
    (NET + 'blocks: {A: {args: {a: 1}, layers: [relu]}}\nlayers: [relu]', "3:20: args must be a list of words (hint: for example 'args: [width, stride=1]')"),
    (NET + 'blocks: {A: {args: [[a]], layers: [relu]}}\nlayers: [relu]', "3:21: args must be a list of words (hint: for example 'args: [width, stride=1]')"),
    (NET + 'blocks: {A: {args: [in], layers: [relu]}}\nlayers: [relu]', "3:21: the variable $in is set by the language"),
    (NET + 'blocks: {A: {args: [a=$b], layers: [relu]}}\nlayers: [relu]', "3:23: unknown variable $b (hint: put variables under vars:)"),
    (NET + 'blocks: {A: {args: [a=max(1, 2)], layers: [relu]}}\nlayers: [relu]', "3:23: '(' is not closed in the expression 'max(1' (hint: inside { } and [ ] a comma ends the value: put the expression in quotes)"),
    (NET + 'blocks: {A: {args: [a=], layers: [relu]}}\nlayers: [relu]', "3:23: the expression is empty"),
    (NET + 'blocks: {A: {args: [a=1/0], layers: [relu]}}\nlayers: [A]', "3:24: division by zero: 1 / 0"),
    (NET + 'blocks: {A: {inputs: [x, x], layers: [relu]}}\nlayers: [relu]', "3:26: duplicate input 'x'"),
    (NET + 'blocks: {A: {inputs: [prev], layers: [relu]}}\nlayers: [relu]', "3:23: the name 'prev' is reserved by the language"),
    (NET + 'blocks: {A: {inputs: [[x]], layers: [relu]}}\nlayers: [relu]', "3:23: inputs must be a list of words"),
    (NET + 'blocks: {A: {inputs: [x, y], layers: [relu]}}\nlayers: [A]', "4:10: block A takes 2 inputs, but got 1 (hint: its inputs: x, y)"),
    (NET + 'blocks: {A: {layers: [relu]}}\nlayers: [{A: [], from: [prev, input]}]', "4:10: block A takes 1 input, but got 2 (hint: name them in the block: 'inputs: [a, b]')"),
    (NET + 'blocks: {A: {layers: [A]}}\nlayers: [A]', "3:23: more than 48 nested block calls: ... -> A -> A -> A -> A -> A"),
    (NET + 'blocks: {A: {layers: [B]}, B: {layers: [A]}}\nlayers: [A]', "3:41: more than 48 nested block calls: ... -> A -> B -> A -> B -> A"),
    (NET + 'blocks: {A: {inputs: [x], layers: [{relu: [], name: x}]}}\nlayers: [A]', "3:36: duplicate layer name 'x', first on line 3 (hint: give one of them another name)"),
    (NET + 'blocks: {A: {layers: [{conv: $w, kernel: 1}]}}\nlayers: [{stages: {w: [1]}, each: [A]}]', "3:30: unknown variable $w (hint: put variables under vars:)"),
    # what is overwritten too early
    (NET + 'layers:\n  - {conv: 3, kernel: 1, name: c}\n  - {relu: [], inplace: true, name: r}\n  - {add: [r, c]}', "5:5: relu 'r' overwrites 'c', which add 'add1' reads after it (hint: remove inplace: true)"),
    (NET + 'layers:\n  - {conv: 3, kernel: 1, name: c}\n  - {flatten: [], name: f}\n  - {relu: [], inplace: true, from: c}\n  - {linear: 2, from: f}', "6:5: relu 'relu1' overwrites 'c', which linear 'linear1' reads after it (hint: remove inplace: true)"),
    (NET + 'layers:\n  - {conv: 3, kernel: 1, name: c}\n  - {relu: [], inplace: true, name: r}\noutputs: [c, r]', "5:5: relu 'r' overwrites 'c', which is an output (hint: remove inplace: true)"),
    (NET + 'layers:\n  - {conv: 3, kernel: 1, name: c}\n  - {relu: [], inplace: true}\nside: {aux: {from: c, layers: [relu]}}', "5:5: relu 'relu1' overwrites 'c', which relu 'aux.relu1' reads after it (hint: remove inplace: true)"),
    # names of inputs that are variables
    ('cnncalc: 1\ninputs: {a: [3, 8, 9], a_h: [5, 8, 9]}\nlayers: [{add: [a, a_h]}]', "2:24: the input 'a_h' has the name of a variable of the input 'a': $a_h"),
    ('cnncalc: 1\ninputs: {a_h: [5, 8, 9], a: [3, 8, 9]}\nlayers: [{add: [a, a_h]}]', "2:10: the input 'a_h' has the name of a variable of the input 'a': $a_h"),
    ('cnncalc: 1\ninputs: {a: [3], prev_h: [3]}\nlayers: [{add: [a, prev_h]}]', "2:18: the variable $prev_h is set by the language"),
    ('cnncalc: 1\ninputs: {a: [3], stage: [3]}\nlayers: [{add: [a, stage]}]', "2:18: the variable $stage is set by the language"),
    (NET + 'blocks: {A: {inputs: [x, x_w], layers: [{add: [x, x_w]}]}}\nlayers: [relu]', "3:26: the input 'x_w' has the name of a variable of another input: $x_w"),
    (NET + 'blocks: {A: {inputs: [x, in], layers: [{add: [x, in]}]}}\nlayers: [relu]', "3:26: the variable $in is set by the language"),
    # outputs
    (NET + 'layers: [{relu: [], name: a}, relu]\nside: {aux: {from: a, layers: [{conv: 2, kernel: 1}]}}\noutputs: [aux]', "5:11: 'aux' is a side output, but outputs names values of the main path (hint: remove it: --with-side runs the side outputs too)"),
    (NET + 'layers: [{relu: [], name: a}, relu]\nside: {aux: {from: a, layers: [{conv: 2, kernel: 1, name: c}, relu]}}\noutputs: [a, aux.c]', "5:14: 'aux.c' is a side output, but outputs names values of the main path (hint: remove it: --with-side runs the side outputs too)"),
    # names across layers
    (NET + 'layers:\n  - {conv: 3, kernel: 1, name: a}\n  - {conv: 3, kernel: 1, name: a}', "5:5: duplicate layer name 'a', first on line 4 (hint: give one of them another name)"),
    (NET + 'layers:\n  - {name: stage1, layers: [relu]}\n  - {stages: {w: [1]}, each: [relu]}', "5:5: duplicate layer name 'stage1', first on line 4 (hint: give the stages another name)"),
    (NET + 'layers:\n  - {relu: [], name: r_1}\n  - {relu: [], name: r, repeat: 1}', "5:5: duplicate layer name 'r_1', first on line 4 (hint: give one of them another name)"),
    (NET + 'layers:\n  - {conv: 3, kernel: 1, name: stem}\n  - {relu: [], from: sten}', "5:22: no earlier layer is named 'sten' (hint: did you mean stem?)"),
    (NET + 'layers:\n  - {relu: [], from: later}\n  - {conv: 3, kernel: 1, name: later}', "4:22: no earlier layer is named 'later': that layer is on line 5 (hint: a layer can only read layers above it)"),
    (NET + 'layers:\n  - {relu: [], repeat: 0, name: r}\n  - {relu: [], from: r}', "5:22: no earlier layer is named 'r': the layer on line 4 is left out (hint: its when is false, or its repeat 0)"),
    (NET + 'layers:\n  - {relu: [], when: false, name: r}\n  - {add: [prev, r.relu1]}', "5:18: no earlier layer is named 'r.relu1': the layer on line 4 is left out (hint: its when is false, or its repeat 0)"),
    (NET + 'layers:\n  - name: g\n    when: true\n    layers:\n      - {relu: [], from: g}', "7:26: no earlier layer is named 'g': that layer is on line 4 (hint: a layer can only read layers above it)"),
    (NET + 'layers:\n  - {relu: [], name: r}\n  - {relu: [], name: r, repeat: 2}', "5:5: duplicate layer name 'r', first on line 4 (hint: give one of them another name)"),
    (NET + 'layers:\n  - {relu: [], repeat: 2, name: r}\n  - {relu: [], name: r}', "5:5: duplicate layer name 'r', first on line 4 (hint: give one of them another name)"),
    (NET + 'blocks: {B: {inputs: [x, y], layers: [{add: [x, y]}]}}\nlayers:\n  - {relu: [], name: r}\n  - {B: [], from: [r, input], repeat: 3}', "6:20: every repeat reads r and input, and none reads the repeat before (hint: write prev for the repeat before: 'from: [prev, input], first: {from: [r, input]}')"),
    (NET + 'layers:\n  - {add: [prev, up.conv1]}\n  - {name: up, layers: [relu]}', "4:18: no earlier layer is named 'up.conv1': that layer is on line 5 (hint: a layer can only read layers above it)"),
    (NET + 'layers:\n  - {conv: 3, kernel: 1, name: a}\n  - {relu: [], from: a.bn}', "5:22: no layer is named 'a.bn'"),
    (NET + 'layers:\n  - {name: g, layers: [{conv: 3, kernel: 1}]}\n  - {relu: [], from: g.conv2}', "5:22: no layer is named 'g.conv2' (hint: did you mean g.conv1?)"),
    (NET + 'layers:\n  - {name: g, layers: [{relu: [], name: inner}]}\n  - {relu: [], from: inner}', "5:22: no earlier layer is named 'inner' (hint: did you mean g.inner?)"),
    (NET + 'layers:\n  - {conv: 3, kernel: 3, bias: false, name: a}\n  - {conv_transpose: 3, kernel: 3, bias: false, shared: a}', "5:5: conv_transpose 'conv_transpose1': weights are shared by layers of one operator, but 'a' is conv"),
    (NET + 'blocks:\n  A:\n    args: [width, inner="max(32, $w)"]\n    layers: [relu]\nlayers: [{A: [3]}]', "5:25: '\"' is not allowed in the expression '\"max(32' (hint: quotes go around the whole item: \"inner=max(32, $w)\")"),
    (NET + 'layers:\n  - {conv: 3, kernel: 1, name: a}\n  - {conv: 4, kernel: 1, shared: a}', "5:5: conv 'conv1': its weights (weight 4x3x1x1, bias 4) differ from those of 'a' (weight 3x3x1x1, bias 3)"),
    ('cnncalc: 1\ninput: {tokens: 3, features: 4}\nlayers: [{attention: 2, name: a}, flatten, {attention: 2, shared: a}]', "3:44: attention 'attention1': takes sequences, but the input is a vector of 12"),
    ('cnncalc: 1\ninput: {tokens: 3, features: 4}\nlayers: [{class_token: [], name: a}, flatten, {class_token: [], shared: a}]', "3:47: class_token 'class_token1': takes sequences, but the input is a vector of 16"),
    (NET + 'layers:\n  - {name: g, layers: [{conv: 3, kernel: 1}]}\n  - {conv: 3, kernel: 1, shared: g}', "5:5: conv 'conv1' shares the weights of 'g', but there is no such layer"),
    (NET + 'layers:\n  - {conv: 8, kernel: 1, name: a}\n  - {add: [a, input]}', "5:5: add 'add1': inputs must have the same shape (or 1 to broadcast), but they are 8x32x32 and 3x32x32 (hint: a convolution with kernel 1 in the shortcut gives it the other's channels, its stride the size)"),
    # in the values
    (NET + "vars: {a: zzz}\nlayers: [{conv: 3, kernel: 1, act: $a}]", "4:36: unknown act 'zzz' (hint: such as relu, relu6, leaky_relu, elu, selu)"),
    (NET + "vars: {a: [1]}\nlayers: [{relu: [], name: $a}]", "4:27: expected a word or a whole number, not a list"),
    (NET + "vars: {a: yes}\nlayers: [{dropout: $a}]", "4:20: p must be a number, not 'yes'"),
    (NET + "layers:\n  - conv: >-\n      1 +\n      1/0\n    kernel: 1", "4:11: division by zero: 1 / 0"),
    (NET + "layers:\n  - conv: 1 +\n      1/0\n    kernel: 1", "4:11: division by zero: 1 / 0"),
    (NET + "layers: [{conv: '1/0', kernel: 1}]", "3:19: division by zero: 1 / 0"),
    (NET + "layers: [{layers: [relu], conv: 3}]", "3:10: a layer has one operation, but this has 2: layers, conv (hint: write each as a layer of its own)"),
    (NET + "layers: [{stages: {w: [1]}, each: [relu], relu: []}]", "3:10: a layer has one operation, but this has 2: stages, relu (hint: write each as a layer of its own)"),
    # side, outputs
    (NET + 'layers: [{conv: 3, kernel: 1, name: a}]\nside: {aux: {from: a}}', "4:13: a side output must be a mapping of from and layers (hint: for example '{from: 4a, layers: [...]}')"),
    (NET + 'layers: [{conv: 3, kernel: 1, name: a}]\nside: {aux: [relu]}', "4:13: a side output must be a mapping of from and layers (hint: for example '{from: 4a, layers: [...]}')"),
    (NET + 'layers: [{conv: 3, kernel: 1, name: a}]\nside: {a: {from: a, layers: [relu]}}', "4:18: the side output 'a' has the name of a layer or an input"),
    (NET + 'layers: [{conv: 3, kernel: 1, name: a}]\nside: {aux: {from: [a, a], layers: [relu]}}', "4:20: a side output starts from one layer"),
    (NET + 'layers: [{conv: 3, kernel: 1, name: a}]\nside: {aux: {from: b, layers: [relu]}}', "4:20: no earlier layer is named 'b' (hint: one of: a, prev)"),
    (NET + 'layers: [{conv: 3, kernel: 1, name: a}]\nside: [a]', "4:7: side must be a mapping, not a list"),
    (NET + 'layers: [{conv: 3, kernel: 1, name: a}]\nside: {a.b: {from: prev, layers: [relu]}}', "4:8: 'a.b' can't be the name of a side output (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    (NET + 'layers: [{conv: 3, kernel: 1, name: a}]\noutputs: [b]', "4:11: no earlier layer is named 'b' (hint: one of: a, prev)"),
    (NET + 'layers: [{conv: 3, kernel: 1, name: a}]\noutputs: {a: 1}', "4:10: outputs must be a word, not a mapping"),
    (NET + 'layers: [{conv: 3, kernel: 1, name: a}]\noutputs: []', "4:10: outputs needs the name of a layer"),
    # written
    (NET + 'layers: [relu]\nwritten: [timm]', "4:10: written must be the name of a library, or a mapping with one (hint: for example 'written: timm', or 'written: {timm: {source: FILE, gelu: {as function: stem.*}}}')"),
    (NET + 'layers: [relu]\nwritten: {}', "4:10: written must be the name of a library, or a mapping with one (hint: for example 'written: timm', or 'written: {timm: {source: FILE, gelu: {as function: stem.*}}}')"),
    (NET + 'layers: [relu]\nwritten: tim', "4:10: unknown library 'tim' (hint: did you mean timm?)"),
    (NET + 'layers: [relu]\nwritten: {source: a, relu: as function}', "4:11: unknown library 'source' (hint: one of: timm, torchvision)"),
    (NET + 'layers: [relu]\nwritten: {timm: as function}', "4:17: what timm writes must be a mapping, not text (hint: for example 'written: timm', or 'written: {timm: {source: FILE, gelu: {as function: stem.*}}}')"),
    (NET + 'layers: [relu]\nwritten: {timm: {relu: as function}}', "4:11: written needs a source: the file of the library that writes the network so (hint: for example 'written: timm', or 'written: {timm: {source: FILE, gelu: {as function: stem.*}}}')"),
    (NET + 'layers: [relu]\nwritten: {timm: {source: [], relu: as function}}', "4:26: source must be text: the file of the library that writes the network so (hint: for example 'written: timm', or 'written: {timm: {source: FILE, gelu: {as function: stem.*}}}')"),
    (NET + 'layers: [relu]\nwritten: {timm: {source: a, rleu: as function}}', "4:29: unknown operator 'rleu' (hint: did you mean relu?)"),
    (NET + 'layers: [relu]\nwritten: {timm: {source: a, conv: as function}}', "4:29: every program writes conv the same way (hint: written in several ways: relu, gelu, attention, window_attention, linear, flatten, bn, layernorm, maxpool, avgpool, adaptive_avgpool, global_avgpool, affine)"),
    (NET + 'layers: [relu]\nwritten: {timm: {source: a, relu: as functoin}}', "4:35: unknown way to write relu: 'as functoin' (hint: did you mean as function?)"),
    (NET + 'layers: [relu]\nwritten: {timm: {source: a, global_avgpool: by hand}}', "4:45: unknown way to write global_avgpool: 'by hand' (hint: one of: as function, as mean)"),
    (NET + 'layers: [relu]\nwritten: {timm: {source: a, relu: [as function]}}', "4:35: how relu is written must be text, or a text and a path (hint: for example 'written: timm', or 'written: {timm: {source: FILE, gelu: {as function: stem.*}}}')"),
    (NET + 'layers: [relu]\nwritten: {timm: {source: a, relu: {as function: [a]}}}', "4:35: how relu is written must be text, or a text and a path (hint: for example 'written: timm', or 'written: {timm: {source: FILE, gelu: {as function: stem.*}}}')"),
    (NET + 'layers: [{relu: [], name: a}, relu]\nwritten: {timm: {source: a, relu: {as function: b*}}}', "4:49: no relu has the path 'b*' (hint: it has a and relu1)"),
    (NET + 'layers: [relu]\nwritten: {timm: {source: a, flatten: behind an adaptive pool}}', "4:38: the network has no flatten"),
    (NET + 'layers: [relu]\nwritten: {torchvision: {source: a, relu: as function}, timm: {source: b, gelu: as function}}', "4:80: the network has no gelu"),
    # uses
    ('cnncalc: 1\nuses: {a: 1}\ninput: [3, 32, 32]\nlayers: [relu]', "2:7: uses must be a list of names"),
    ('cnncalc: 1\nuses: [blocks_es]\ninput: [3, 32, 32]\nlayers: [relu]', "2:8: no spec is named 'blocks_es' (hint: did you mean blocks_se?)"),
    ('cnncalc: 1\nuses: vgg16\ninput: [3, 32, 32]\nlayers: [relu]', "2:7: 'vgg16' has layers, so it is a network, not a library of blocks (hint: move the blocks to a file without layers, or use extends)"),
    ('cnncalc: 1\nextends: vgg15', "2:10: no spec is named 'vgg15' (hint: did you mean vgg16 or vgg19?)"),
    # claims, facts, budget, lint
    (NET + 'layers: [relu]\nclaims: 3', "4:9: claims must be a list, not text"),
    (NET + 'layers: [relu]\nclaims: [3]', "4:10: an item of claims must be a mapping, not text"),
    (NET + 'layers: [relu]\nclaims: [{source: x}]', "4:10: a claim states one quantity, but this has none (hint: for example '{params: 138M, source: ...}')"),
    (NET + 'layers: [relu]\nclaims: [{params: 1, macs: 2}]', "4:10: a claim states one quantity, but this has 2: params, macs (hint: for example '{params: 138M, source: ...}')"),
    (NET + 'layers: [relu]\nclaims: [{parms: 1}]', "4:11: a claim has no quantity or key 'parms' (hint: did you mean params or norm_params?)"),
    (NET + 'layers: [relu]\nclaims: [{memory: 1MB}]', "4:11: a claim has no quantity or key 'memory' (hint: write activation_bytes, inference_memory or training_memory)"),
    (NET + 'layers: [relu]\nclaims: [{training_memory: 1MB, optimizer: adm}]', "4:44: unknown optimizer 'adm' (hint: did you mean adam or adamw?)"),
    (NET + 'layers: [relu]\nclaims: [{activation_bytes: 1MB, dtype: fp16}]', "4:41: unknown dtype 'fp16' (hint: one of: bfloat16, float16, float32, float64, int8)"),
    (NET + 'layers: [relu]\nclaims: [{params: 82,890, source: x}]', "4:22: the value of '890' is empty (hint: write numbers without commas)"),
    (NET + 'layers: [relu]\nclaims: [{params: many}]', "4:19: params must be a figure like 138M, 4.1G, 96MB or 1/12, not 'many'"),
    (NET + 'layers: [relu]\nclaims: [{params: [1]}]', "4:19: params must be text, not a list"),
    (NET + 'layers: [relu]\nclaims: [{shape: x}]', "4:18: shape must be a list of whole numbers, not 'x'"),
    (NET + 'layers: [relu]\nclaims: [{shape: [3, [4]]}]', "4:22: shape must be a list of whole numbers, not a list"),
    (NET + 'layers: [relu]\nclaims: [{params: 1, holds: no}]', "4:29: holds must be true or false, not 'no'"),
    (NET + 'layers: [relu]\nclaims: [{params: 1, holds: [1]}]', "4:29: holds must be true or false, not a list"),
    (NET + 'layers: [relu]\nclaims: [{params: 1, holds: false}]', "4:11: a claim with holds: false needs because (hint: say what the figure should be and why)"),
    (NET + 'layers: [relu]\nclaims: [{params: 1, tol: 2}]', "4:27: tol must be a percentage like 2%, not '2'"),
    (NET + 'layers: [relu]\nclaims: [{params: 1, source: [a]}]', "4:30: source must be text, not a list"),
    (NET + 'layers: [relu]\nclaims: [{params: 1, input: 3x4}]', "4:29: input must be a list of whole numbers, not '3x4'"),
    (NET + 'layers: [relu]\nfacts: [{top1: 3}]', "4:9: a fact needs a source"),
    (NET + 'layers: [relu]\nfacts: [{top1: [3], source: x}]', "4:16: top1 must be text, not a list"),
    (NET + 'layers: [relu]\nfacts: {a: 1}', "4:8: facts must be a list, not a mapping"),
    (NET + 'layers: [relu]\nbudget: [1]', "4:9: budget must be a mapping of quantities, not a list"),
    (NET + 'layers: [relu]\nbudget: {parms: {max: 1}}', "4:10: a budget has no quantity 'parms' (hint: did you mean params or norm_params?)"),
    (NET + 'layers: [relu]\nbudget: {memory: {max: 1MB}}', "4:10: a budget has no quantity 'memory' (hint: write activation_bytes, inference_memory or training_memory)"),
    (NET + 'layers: [relu]\nbudget: {training_memory: {max: 1MB, optimizer: lion}}', "4:49: unknown optimizer 'lion' (hint: one of: adam, adamw, momentum, none, sgd)"),
    (NET + 'layers: [relu]\nbudget: {training_memory: {max: 1MB, dtype: half}}', "4:45: unknown dtype 'half' (hint: one of: bfloat16, float16, float32, float64, int8)"),
    (NET + 'layers: [relu]\nbudget: {params: 3}', "4:18: the budget of params must be a mapping with warn or max (hint: for example '{max: 26M}')"),
    (NET + 'layers: [relu]\nbudget: {params: {mx: 3}}', "4:19: a budget has no key 'mx' (hint: did you mean max?)"),
    (NET + 'layers: [relu]\nbudget: {params: {max: 2MB}}', "4:24: params is a count, but '2MB' is in bytes (hint: quantities in bytes: activation_bytes, inference_memory, training_memory)"),
    (NET + 'layers: [relu]\nclaims: [{params: 20KB, source: x}]', "4:19: params is a count, but '20KB' is in bytes (hint: quantities in bytes: activation_bytes, inference_memory, training_memory)"),
    (NET + 'layers: [relu]\nbudget: {params: {max: x}}', "4:24: max must be a figure like 26M, not 'x'"),
    (NET + 'layers: [relu]\nbudget: {params: {batch: 3}}', "4:18: the budget of params needs warn or max (hint: for example '{max: 26M}')"),
    (NET + 'layers: [relu]\nlint: [a]', "4:7: lint must be a mapping with ignore (hint: for example 'lint: {ignore: [CN003]}')"),
    ('cnncalc: 1\nblocks: {B: {layers: [relu]}}\nclaims: [{params: 3, source: x}]\nbudget: {params: {max: 3}}', ["3:1: claims needs layers (hint: a spec without layers is a library of blocks)", "4:1: budget needs layers (hint: a spec without layers is a library of blocks)"]),
    ('cnncalc: 1\nblocks: {B: {layers: [relu]}}\ninput: [3]\noutputs: [a]', ["3:1: input needs layers (hint: a spec without layers is a library of blocks)", "4:1: outputs needs layers (hint: a spec without layers is a library of blocks)"]),
    ('cnncalc: 1\ninput: [3, 8, 8]\nlayres: [relu]', "3:1: unknown key 'layres' (hint: did you mean layers or vars?)"),
    ('cnncalc: 1\nside: {a: {from: b, layers: [relu]}}\nfacts: [{top1: 70%, source: x}]', ["2:1: side needs layers (hint: a spec without layers is a library of blocks)", "3:1: facts needs layers (hint: a spec without layers is a library of blocks)"]),
    (NET + 'layers: [relu]\nlint: {ignore: CN1}', "4:16: a lint code must be CN and three digits, not 'CN1'"),
    (NET + 'layers: [relu]\nlint: {ignore: [[a]]}', "4:17: a lint code must be CN and three digits, not a list"),
    # several problems
    (NET + 'layer: []\nlayers:\n  - rleu\n  - {conv: 3, kernel: 0}\nclaims: [{parms: 1}]', ["3:1: unknown key 'layer' (hint: did you mean layers?)", "5:5: unknown operator 'rleu' (hint: did you mean relu, relu6 or prelu?)", "6:23: kernel must be from 1 to 2147483647, not 0", "7:11: a claim has no quantity or key 'parms' (hint: did you mean params or norm_params?)"]),
    (NET + 'defaults: {conv: {kernel: three}}\nlayers: [{conv: 3}, {conv: 4}]', "3:27: kernel must be a whole number or one per axis, not 'three'"),
]  # fmt: skip

#: what the reader refuses; the words are libyaml's where it knows more than we do
TEXTS = [
    ("a: *x", "1:4: the alias *x is not allowed: aliases expand without limit (hint: write the value out, or use vars and blocks)"),
    ("a: &x 1", "1:4: the anchor &x is not allowed (hint: write the value out, or use vars and blocks)"),
    ("a: {<<: {b: 1}}", "1:5: the merge key << is not allowed (hint: use extends, uses or defaults)"),
    ("a: !!int 3", "1:4: the tag '!!int' is not allowed (hint: remove the tag)"),
    ('a: 1\na: 2', "2:1: duplicate key 'a', first on line 1"),
    ('a:\n  - \n', "2:4: an item of the list is empty"),
    ('a:\n\nb: 1', "1:1: the value of 'a' is empty (hint: write a value, indented deeper than the key, [] for none, or remove the key)"),
    *((f'cnncalc: 1\ntitle: "a{chr(code)}"', f"2:10: the character U+{code:04X} is not allowed")
      for code in (0xAD, 0x34F, 0x115F, 0x17B5, 0x180E, 0x2064, 0x206F, 0x3164, 0xFFA0, 0x1D173, 0xE0001, 0xE0041, 0xE007F, 0xE01EF)),
    ('cnncalc: 1\ntitle: "a\\U000E0041"', "2:8: the escaped character U+E0041 is not allowed"),
    ("[" * 300, "1:65: nested more than 64 levels deep"),
    ("[" * 1_100 + "]" * 1_100, "1:65: nested more than 64 levels deep"),
    ("a: " + "{a: " * 25_000, "1:256: nested more than 64 levels deep"),
    ("[" * 1_000 + "\n" + "[" * 1_000, "1:65: nested more than 64 levels deep"),
    ("- 1", "1:1: a spec is a mapping of keys, but this is a list"),
    ("? a", "1:3: the value of 'a' is empty (hint: write a value, indented deeper than the key, [] for none, or remove the key)"),
    ('? [1]\n: 2', "1:3: a key must be a word, but this is a list"),
    ('a: 1\n---\nb: 1', "2:1: a second document starts here (hint: one spec per file)"),
    ('a: 1\n...\nb: 2', "3:1: wrong indentation or brackets"),
    ('%FOO x\n---\na: 1', "1:5: an unknown directive (hint: remove the line)"),
    ('%YAML 2.0\n---\na: 1', "1:1: unknown YAML version"),
    ('%TAG ! x:\n---\na: 1', "1:1: a %TAG directive is not allowed (hint: remove the tag directive)"),
    ('a: \t1', "1:4: a tab is not allowed (hint: use spaces)"),
    ('\ta: 1', "1:1: a tab is not allowed (hint: use spaces)"),
    ("a: 'x", "1:6: a quotation mark is not closed; it was opened at line 1, column 4"),
    ('a: "x', "1:6: a quotation mark is not closed; it was opened at line 1, column 4"),
    ("a: [1", "2:1: expected ',' or ']'; the bracket was opened at line 1, column 4"),
    ("a: {b: 1", "2:1: expected ',' or '}'; the bracket was opened at line 1, column 4"),
    ("a: }", "1:4: wrong indentation or brackets"),
    ('a: "\\q"', "1:5: an escape in quotes can't be read: found unknown escape character"),
    ('a: "\\x"', "1:7: an escape in quotes can't be read: did not find expected hexdecimal number"),
    ('a: "\\ud800"', "1:7: an escape in quotes can't be read: found invalid Unicode character escape code"),
    ('a: "\\U00110000"', "1:7: an escape in quotes can't be read: found invalid Unicode character escape code"),
    ("a: @x", "1:4: a value can't start with '@' (hint: put it in quotes)"),
    ("a: `x", "1:4: a value can't start with '`' (hint: put it in quotes)"),
    ("a: %x", "1:4: a value can't start with '%' (hint: put it in quotes)"),
    ("a: b: c", "1:5: unexpected ':' (hint: check the indentation, or put the text in quotes)"),
    ("a: - b", "1:4: unexpected '-': a list can't start here (hint: put the list on lines of its own, or in [ ])"),
    ('a: 1\n b: 2', "2:3: unexpected ':' (hint: check the indentation, or put the text in quotes)"),
    ('a\nb: 1', "2:2: unexpected ':' (hint: check the indentation, or put the text in quotes)"),
    ("x" * 1100 + ": 1", "1:1101: the key is too long"),
    ("x" * 200 + ": 1", "1:1: the key is too long: 200 characters, at most 128"),
    ('<<<<<<< HEAD\na: 1', "1:1: unresolved merge conflict (hint: remove the marker and the version that you don't want)"),
    ('a: 1\n=======\nb: 2', "2:1: unresolved merge conflict (hint: remove the marker and the version that you don't want)"),
    ('{"a": 1, "a": 2}', "1:10: duplicate key 'a', first on line 1"),
    ('<!DOCTYPE html>\n<html>', "1:1: a spec is a mapping of keys, but this is text"),
    ("import os\nprint('x')", "1:1: a spec is a mapping of keys, but this is text"),
    ('a: \x1b', "1:4: the character U+001B is not allowed"),
    ('a: "\\e"', "1:4: the escaped character U+001B is not allowed"),
    ('a: \u202e', "1:4: the character U+202E is not allowed"),
    ("", "1:1: the file is empty (hint: cnncalc new NAME writes a first spec)"),
    ("# c", "1:1: the file is empty (hint: cnncalc new NAME writes a first spec)"),
    ("~", "1:1: a spec is a mapping of keys, but this is text"),
    ("null", "1:1: a spec is a mapping of keys, but this is text"),
    ("[]", "1:1: a spec is a mapping of keys, but this is a list"),
    ("3", "1:1: a spec is a mapping of keys, but this is text"),
    ('a: x\ufeff', "1:5: the character U+FEFF is not allowed"),
    ("'': 1", "1:1: a key is empty"),
    ("a: &x [*x]", "1:8: the alias *x is not allowed: aliases expand without limit (hint: write the value out, or use vars and blocks)"),
    ('a: 1 # \t', "1:8: a tab is not allowed (hint: use spaces)"),
    ("*x : 1", "1:1: a key must be a word, but this is an alias"),
    ("&a a: 1", "1:1: the anchor &a is not allowed (hint: write the value out, or use vars and blocks)"),
    ('a: *\xe9', "1:5: wrong indentation or brackets"),
    ('? - a\n: b', "1:3: a key must be a word, but this is a list"),
    ("[a: 1]", "1:1: a spec is a mapping of keys, but this is a list"),
    ("!!map {a: 1}", "1:1: the tag '!!map' is not allowed (hint: remove the tag)"),
    ("a: !", "1:4: the tag '!' is not allowed (hint: remove the tag)"),
    ('--- !x\na: 1', "1:5: the tag '!x' is not allowed (hint: remove the tag)"),
    ('---\n---\n', "2:1: a second document starts here (hint: one spec per file)"),
    ('...\n', "1:1: wrong indentation or brackets"),
    ('--- |\n  text', "1:1: a spec is a mapping of keys, but this is text"),
    ('--- >\n text', "1:1: a spec is a mapping of keys, but this is text"),
    ("a: [1,,2]", "1:7: wrong indentation or brackets"),
    ("a: [,1]", "1:5: wrong indentation or brackets"),
    ("{a, b}", "1:2: the value of 'a' is empty (hint: write a value, [] for none, or remove the key)"),
    ("{a}", "1:2: the value of 'a' is empty (hint: write a value, [] for none, or remove the key)"),
    ("{,}", "1:2: wrong indentation or brackets"),
    ("a: {b: ,c: 1}", "1:5: the value of 'b' is empty (hint: write a value, [] for none, or remove the key)"),
    ("a: -", "1:4: unexpected '-': a list can't start here (hint: put the list on lines of its own, or in [ ])"),
    ("a:1", "1:1: a spec is a mapping of keys, but this is text"),
    ('a: "b" c', "1:8: wrong indentation or brackets"),
    ("'a' b: 1", "1:1: the value of 'a' is empty (hint: write a value, indented deeper than the key, [] for none, or remove the key)"),
    ("a: [1, 2]]", "1:10: wrong indentation or brackets"),
    ("{a: 1}}", "1:7: wrong indentation or brackets"),
    ("a: ? b", "1:4: unexpected '?'"),
    ('- a\nb: 1', "2:1: wrong indentation or brackets"),
    ('a: 1\nb', "3:1: a key without ':'"),
    ('a: 1\rb: 2', "1:5: the character U+000D is not allowed"),
]  # fmt: skip


def shown(line: str, column_and_message: str) -> str:
    place, _, message = column_and_message.partition(": ")
    return f"{line}:{place}: error: {message}"


@pytest.mark.parametrize(("layer", "message"), LAYERS)
def test_layers(refusal: Refusal, layer: str, message: str) -> None:
    assert refusal(f"{NET}layers:\n  - {layer}\n") == [shown("net.yaml", message)]


@pytest.mark.usefixtures("small_zoo")
@pytest.mark.parametrize(("text", "messages"), SPECS)
def test_specs(refusal: Refusal, text: str, messages: str | list[str]) -> None:
    expected = [messages] if isinstance(messages, str) else messages
    assert refusal(text + "\n") == [shown("net.yaml", message) for message in expected]


@pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="PyYAML without libyaml has other words")
@pytest.mark.parametrize(("text", "message"), TEXTS)
def test_texts(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        reader.read(text.encode(), "net.yaml")
    assert format_error(caught.value) == shown("net.yaml", message)


BASE = "cnncalc: 1\ninput: [3, 8, 8]\nvars: {width: 4}\nlayers: [{conv: $width, kernel: 1}]\n"
OUTSIDE = "'{}' is outside the folder of this spec and the zoo"

#: what main.yaml extends, beside base.yaml, and the message at 2:10
EXTENDS = [
    ("../../etc/passwd", OUTSIDE.format("../../etc/passwd")),
    ("../nothing.yaml", OUTSIDE.format("../nothing.yaml")),
    ("/etc/passwd", OUTSIDE.format("/etc/passwd")),
    ("~/x", OUTSIDE.format("~/x")),
    ("C:\\x", OUTSIDE.format("C:\\x")),
    ("file:///x", OUTSIDE.format("file:///x")),
    ("https://x", OUTSIDE.format("https://x")),
    ('"a\\0b"', "the escaped character U+0000 is not allowed"),
    ("''", "no spec is named ''"),
    ("..", "no spec is named '..'"),
    ("bse", "no spec is named 'bse' (hint: did you mean base?)"),
    ("bse.yaml", "can't open 'bse.yaml': No such file or directory (hint: did you mean base.yaml?)"),
    ("link.yaml", OUTSIDE.format("link.yaml")),
    ("link", OUTSIDE.format("link")),
    ("zero.yaml", OUTSIDE.format("zero.yaml")),
    ("loop.yaml", "can't open 'loop.yaml': Too many levels of symbolic links"),
    ("pipe.yaml", "can't open 'pipe.yaml': this is a pipe or a device, not a spec"),
    ("pipe", "no spec is named 'pipe'"),
    ("folder.yaml", "can't open 'folder.yaml': this is a directory, not a spec"),
    ("main", "a spec can't extend or use itself: main.yaml -> main.yaml"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "message"), EXTENDS)
def test_extends(folder: Folder, tmp_path: Path, name: str, message: str) -> None:
    load = folder(base=BASE, main=f"cnncalc: 1\nextends: {name}\n")
    Path("link.yaml").symlink_to("/etc/passwd")
    Path("zero.yaml").symlink_to("/dev/zero")
    Path("loop.yaml").symlink_to("loop.yaml")
    Path("folder.yaml").mkdir()
    os.mkfifo("pipe.yaml")
    with pytest.raises(SpecError) as caught:
        load("main.yaml")
    # nothing of a file outside, and no word on whether there is one
    assert format_errors(caught.value) == [shown("main.yaml", f"2:10: {message}")]


def test_a_link_inside_the_folder_is_followed(folder: Folder) -> None:
    load = folder(base=BASE, main="cnncalc: 1\nextends: link.yaml\n")
    Path("link.yaml").symlink_to("base.yaml")
    assert load("main.yaml").graph.nodes[-1].shape == (4, 8, 8)


#: files, and the lines that refuse main.yaml
FILES = [
    (
        {"main": "cnncalc: 1\nextends: inner\n", "inner": "cnncalc: 1\nlayers: [relu\n"},
        ["inner.yaml:3:1: error: expected ',' or ']'; the bracket was opened at line 2, column 9, included from main.yaml:2:10"],
    ),
    (
        {"main": "cnncalc: 1\nextends: inner\n", "inner": "cnncalc: 9\n"},
        ["inner.yaml:1:10: error: the version of the language must be 1, not '9', included from main.yaml:2:10 (hint: pip install --upgrade cnncalc)"],
    ),
    (
        {"main": "cnncalc: 1\nextends: inner\n", "inner": NET + "layer: []\nlayers: [rleu]\n"},
        ["inner.yaml:3:1: error: unknown key 'layer', included from main.yaml:2:10 (hint: did you mean layers?)",
         "inner.yaml:4:10: error: unknown operator 'rleu', included from main.yaml:2:10 (hint: did you mean relu, relu6 or prelu?)"],
    ),
    (
        {"main": "cnncalc: 1\nextends: a\n", "a": "cnncalc: 1\nextends: b\n", "b": "cnncalc: 1\nextends: main\n"},
        ["b.yaml:2:10: error: a spec can't extend or use itself: main.yaml -> a.yaml -> b.yaml -> main.yaml, included from a.yaml:2:10, included from main.yaml:2:10"],
    ),
    (
        {"main": "cnncalc: 1\nuses: [a]\n" + NET[11:] + "layers: [A]\n",
         "a": "cnncalc: 1\nuses: [b]\nblocks: {A: {layers: [B]}}\n", "b": "cnncalc: 1\nuses: [a]\nblocks: {B: {layers: [A]}}\n"},
        ["b.yaml:2:8: error: a spec can't extend or use itself: a.yaml -> b.yaml -> a.yaml, included from a.yaml:2:8, included from main.yaml:2:8"],
    ),
    (  # an argument of a base, a shape of a base
        {"main": "cnncalc: 1\nextends: base\n", "base": NET + "layers:\n  - {conv: 3, kernal: 3}\n"},
        ["base.yaml:4:15: error: conv has no argument 'kernal', included from main.yaml:2:10 (hint: did you mean kernel?)"],
    ),
    (
        {"main": "cnncalc: 1\nextends: base\n", "base": NET + "layers:\n  - {conv: 3, kernel: 90}\n"},
        ["base.yaml:4:5: error: conv 'conv1': the window does not fit: (32 + 2*0 - 90)/1 + 1 = -57, included from main.yaml:2:10"],
    ),
    (  # a layer of a block of a library, taken in by a base; a default of the base that a layer of the spec uses
        {"main": "cnncalc: 1\nextends: base\n", "base": "cnncalc: 1\nuses: lib\n" + NET[11:] + "layers: [A]\n",
         "lib": "cnncalc: 1\nblocks:\n  A: {layers: [{conv: 3, kernel: 3, groups: 2}]}\n"},
        ["lib.yaml:3:16: error: conv 'A1.conv1': groups must divide the input channels, but 2 does not divide 3, included from base.yaml:2:7, included from main.yaml:2:10"],
    ),
    (
        {"main": "cnncalc: 1\nextends: base\nlayers: [{conv: 3}]\n", "base": NET + "defaults: {conv: {kernel: -1}}\nlayers: [relu]\n"},
        ["base.yaml:3:27: error: kernel must be from 1 to 2147483647, not -1, included from main.yaml:2:10"],
    ),
    (  # what is wrong in the spec itself is included from nowhere
        {"main": "cnncalc: 1\nextends: base\nlayers: [{base: conv}, {conv: 3, kernel: 90}]\n", "base": BASE},
        ["main.yaml:3:24: error: conv 'conv2': the window does not fit: (8 + 2*0 - 90)/1 + 1 = -81"],
    ),
    (
        {"main": "cnncalc: 1\nextends: base\nvars: {widht: 8, zzz: 3}\n", "base": BASE},
        ["main.yaml:3:8: error: the base has no variable 'widht' to set (hint: did you mean width?)",
         "main.yaml:3:18: error: the base has no variable 'zzz' to set (hint: one of: width)"],
    ),
    (
        {"main": "cnncalc: 1\nextends: base\nlayers: [{base: cnv}, relu]\n", "base": BASE},
        ["main.yaml:3:17: error: the base has no layer 'cnv' (hint: did you mean conv?)"],
    ),
    (  # a variable that two specs of the chain set is said once
        {"main": "cnncalc: 1\nextends: middle\nvars: {widht: 8}\n", "middle": "cnncalc: 1\nextends: base\nvars: {widht: 4}\n", "base": BASE},
        ["middle.yaml:3:8: error: the base has no variable 'widht' to set, included from main.yaml:2:10 (hint: did you mean width?)"],
    ),
    (
        {"main": "cnncalc: 1\nextends: base\nlayers: [{base: zz}]\n", "base": NET + "layers: [{conv: 3, kernel: 1, name: stem}, relu, relu, bn, tanh, mish, elu, gelu, silu, flatten]\n"},
        ["main.yaml:3:17: error: the base has no layer 'zz' (hint: its layers: stem, relu, bn, tanh, mish, elu, gelu, silu, ...)"],
    ),
    (
        {"main": "cnncalc: 1\nextends: base\nlayers: [{base: relu}]\n", "base": NET + "layers: [relu, tanh, relu]\n"},
        ["main.yaml:3:17: error: 2 layers of the base are named 'relu' (hint: rename one in the base)"],
    ),
    (
        {"main": "cnncalc: 1\nextends: base\nlayers: [{base: conv, name: x}]\n", "base": BASE},
        ["main.yaml:3:10: error: base takes only the name of a layer of the base (hint: for example '{base: stages}')"],
    ),
    (
        {"main": NET + "layers: [{base: conv}]\n"},
        ["main.yaml:3:11: error: base needs a spec with layers to extend (hint: write extends: NAME)"],
    ),
    (
        {"main": "cnncalc: 1\nextends: base\nlayers: [{base: conv}, relu, {base: conv}]\n", "base": BASE},
        ["main.yaml:3:31: error: unknown operator 'base' (hint: base comes first in the layers of a spec that extends another)"],
    ),
    (
        {"main": "cnncalc: 1\nuses: base\n" + NET[11:] + "layers: [relu]\n", "base": BASE},
        ["main.yaml:2:7: error: 'base' has layers, so it is a network, not a library of blocks (hint: move the blocks to a file without layers, or use extends)"],
    ),
    (
        {"main": "cnncalc: 1\nuses: a\nblocks: {A: {layers: [bn]}}\n" + NET[11:] + "layers: [A]\n", "a": "cnncalc: 1\nblocks: {A: {layers: [relu]}}\n"},
        ["main.yaml:3:10: error: block A is already defined in a.yaml:2:10"],
    ),
    (
        {"main": "cnncalc: 1\nuses: [a, b]\n" + NET[11:] + "layers: [A]\n", "a": "cnncalc: 1\nblocks: {A: {layers: [relu]}}\n", "b": "cnncalc: 1\nblocks: {A: {layers: [bn]}}\n"},
        ["main.yaml:2:11: error: block A of 'b' is already defined in a.yaml:2:10"],
    ),
    (  # a library that can't be read is said once, not at each of its blocks
        {"main": "cnncalc: 1\nuses: [a]\n" + NET[11:] + "layers: [A, B, C]\n", "a": "cnncalc: 1\nblocks: {\n"},
        ["a.yaml:3:1: error: wrong indentation or brackets, included from main.yaml:2:8"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "lines"), FILES, ids=lambda value: " ".join(value) if isinstance(value, dict) else ""
)
def test_files(folder: Folder, files: dict[str, str], lines: list[str]) -> None:
    load = folder(**files)
    with pytest.raises(SpecError) as caught:
        load("main.yaml")
    assert format_errors(caught.value) == lines


#: what a user names, and the message
NOT_FOUND = [
    ("vgg61", "error: no spec is named 'vgg61' (hint: did you mean vgg16?)"),
    ("nothing", "error: no spec is named 'nothing' (hint: cnncalc list shows every spec)"),
    ("", "error: no spec is named '' (hint: cnncalc list shows every spec)"),
    ("plain", "error: no spec is named 'plain' (hint: for the file write ./plain)"),
    ("net", "error: no spec is named 'net' (hint: for the file write ./net.yaml)"),
    ("a\nb", "error: no spec is named 'a\\nb' (hint: cnncalc list shows every spec)"),
    ("\x1b[31m", "error: no spec is named '\\x1b[31m' (hint: cnncalc list shows every spec)"),
    ("x" * 300, f"error: no spec is named '{'x' * 57}...' (hint: cnncalc list shows every spec)"),
    ("nett.yaml", "nett.yaml:1:1: error: can't read the spec: No such file or directory (hint: did you mean net.yaml?)"),
    ("./net", "./net:1:1: error: can't read the spec: No such file or directory (hint: did you mean net.yaml?)"),
    ("folder.yaml", "folder.yaml:1:1: error: this is a directory, not a spec"),
    ("f\0.yaml", "f\\x00.yaml:1:1: error: can't read the spec: not a path"),
    ("\udcff/\udcff.yaml", "\\udcff/\\udcff.yaml:1:1: error: can't read the spec: No such file or directory"),
    ("::error::x.yaml", "./::error::x.yaml:1:1: error: can't read the spec: No such file or directory"),
    ("=cmd.yaml", "=cmd.yaml:1:1: error: can't read the spec: No such file or directory"),
    ("##[error]x.yaml", "#\\x23[error]x.yaml:1:1: error: can't read the spec: No such file or directory"),
]  # fmt: skip


@pytest.mark.usefixtures("small_zoo")
@pytest.mark.parametrize(("name", "line"), NOT_FOUND)
def test_not_found(folder: Folder, name: str, line: str) -> None:
    folder(net=BASE)
    Path("plain").write_text(BASE)
    Path("folder.yaml").mkdir()
    with pytest.raises(CnncalcError) as caught:
        zoo.find(name)
    assert caught.value.exit_code == 2
    assert format_errors(caught.value) == [line]


#: --set, and the message for BASE
ASSIGNMENTS = [
    ("widht=3", "error: net.yaml has no variable 'widht' (hint: did you mean width?)"),
    ("zzz=3", "error: net.yaml has no variable 'zzz' (hint: one of: width)"),
    ("width=]", "--set width:1:1: error: wrong indentation or brackets"),
    ("width=", "--set width:1:1: error: the file is empty (hint: cnncalc new NAME writes a first spec)"),
    ("width=1/0", "--set width:1:2: error: division by zero: 1 / 0"),
    ("width=$z", "--set width:1:1: error: unknown variable $z (hint: one of: width)"),
    ("width={a: 1}", "--set width:1:1: error: expected a value or a list, not a mapping"),
    ("width=x", "net.yaml:4:17: error: out must be a whole number, not 'x'"),
]  # fmt: skip


@pytest.mark.parametrize(("assignment", "line"), ASSIGNMENTS)
def test_assignments(network: Callable[..., Any], assignment: str, line: str) -> None:
    name, _, value = assignment.partition("=")
    with pytest.raises(CnncalcError) as caught:
        network(BASE, {name: value})
    assert format_errors(caught.value) == [line]


INPUTS = [
    ("4x4", {}, "net.yaml:4:10: error: conv 'c': the window does not fit: (4 + 2*0 - 5)/1 + 1 = 0; --input 4x4 replaces the spec's 3x8x8"),
    ("8x8x3", {}, "error: input 8x8x3 has the channels last (hint: channels come first, did you mean 3x8x8?)"),
    ("1x3x8x8", {}, "error: input 1x3x8x8 has a batch axis (hint: no batch axis: 3x8x8, and --batch 1)"),
    ("1x2x8x8", {}, "error: input 1x2x8x8 can't replace 3x8x8 of net (hint: give 8x8 for the sizes alone, or 3x8x8; the channels come first)"),
    ("3x8x8,", {}, "error: a size of the input must be a whole number from 1 to 2147483647, not ''"),
    ("axb", {}, "error: a size of the input must be a whole number from 1 to 2147483647, not 'a'"),
    ("0", {}, "error: a size of the input must be a whole number from 1 to 2147483647, not '0'"),
    ("x=8", {}, "error: net has no input 'x' (hint: one of: input)"),
    # what the spec's own input does not help is said as ever
    ("3x9x9", {"width": "x"}, "net.yaml:4:17: error: out must be a whole number, not 'x'"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "variables", "line"), INPUTS)
def test_inputs(
    capsys: pytest.CaptureFixture[str], folder: Folder, shape: str, variables: dict[str, str], line: str
) -> None:
    folder(net="cnncalc: 1\ninput: [3, 8, 8]\nvars: {width: 4}\nlayers: [{conv: $width, kernel: 5, name: c}]\n")
    settings = [f"--set={name}={value}" for name, value in variables.items()]
    assert run(["params", "net.yaml", "--input", shape, *settings]) == 2
    assert capsys.readouterr().err.splitlines()[0] == line


def test_a_thousand_problems_are_twenty_lines_and_a_number(capsys: pytest.CaptureFixture[str], folder: Folder) -> None:
    folder(net=f"{NET}layers:\n" + "  - {conv: 3, kernal: 3}\n" * 1000)
    assert run(["params", "net.yaml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert lines[0] == "net.yaml:4:15: error: conv has no argument 'kernal' (hint: did you mean kernel?)"
    assert lines[19].startswith("net.yaml:23:15: ")
    assert lines[20] == "and 980 more"


def test_standard_input_without_end() -> None:
    command = [sys.executable, "-m", "cnncalc", "params", "-"]
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as endless:
        result = subprocess.run(command, stdin=endless.stdout, capture_output=True, check=False, text=True)
        endless.kill()
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == "<stdin>:1:1: error: the file has more than 1,048,576 bytes\n"


def test_problems_come_in_the_order_of_the_text_and_once(network: Callable[..., Any]) -> None:
    text = "claims: [{parms: 1}]\nblocks: {A: {layers: [rleu]}}\nlayers: [{conv: 0, kernel: 1}, rleu]\n"
    with pytest.raises(SpecErrors) as caught:
        network(NET + text)
    assert [error.location[1:3] for error in caught.value.errors if error.location] == [
        (3, 11),
        (4, 23),
        (5, 17),
        (5, 32),
    ]


def test_an_act_that_needs_an_argument(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pieces(OPS["relu"]):  # type: ignore[misc]
        name = "pieces"
        fields = OPS["shuffle"].fields

    monkeypatch.setitem(base._REGISTRY, "pieces", Pieces)
    assert refusal(NET + "layers: [{conv: 3, kernel: 1, act: pieces}]") == [
        "net.yaml:3:36: error: pieces needs groups (hint: set it under defaults, for example 'pieces: {groups: ...}')"
    ]


def test_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CnncalcError) as caught:
        zoo.find("-")
    assert format_errors(caught.value) == ["<stdin>:1:1: error: standard input is closed"]


def test_hints_that_name_a_cure_cure(refusal: Refusal, network: Callable[..., Any]) -> None:
    for layer, cured in (
        ("{conv2: 3, kernel: 3}", "{conv: 3, kernel: 3}"),
        ("{conv: 3, kernal: 3}", "{conv: 3, kernel: 3}"),
        ("{conv: 1e3, kernel: 3}", "{conv: 1000, kernel: 3}"),
        ("{conv: 010, kernel: 3}", "{conv: 10, kernel: 3}"),
        ("{relu: 3}", "{relu: []}"),
        ("{conv: max(1, 2), kernel: 3}", "{conv: 'max(1, 2)', kernel: 3}"),
        ("{conv: 3, kernel: 2, pad: same}", "{conv: 3, kernel: 2, pad: same_tf}"),
        ("{Conv2d: 3, kernel: 3}", "{conv: 3, kernel: 3}"),
        ("{conv: 3, kernel: 3, pad: valid}", "{conv: 3, kernel: 3, pad: 0}"),
        ("{avgpool: global}", "global_avgpool"),
        ("{sum: [prev, input]}", "{add: [prev, input]}"),
        ("{conv:3, kernel: 3}", "{conv: 3, kernel: 3}"),
        ("{concat: [{conv: 3, kernel: 1}, []]}", "{concat: {a: {conv: 3, kernel: 1}, b: []}}"),
        ("add:\n    a: [relu]\n    b: []", "add:\n      a: [relu]\n      b: []"),
        ("{add: {a: [{conv: 8, kernel: 1}], b: []}}", "{add: {a: [{conv: 8, kernel: 1}], b: [{conv: 8, kernel: 1}]}}"),
        ("{concat: {a: [{maxpool: 3}], b: []}}", "{concat: {a: [{maxpool: 3, stride: 1, pad: same}], b: []}}"),
        ("{linear: [3072, 10]}", "{layers: [flatten, {linear: [10]}]}"),
    ):
        assert refusal(f"{NET}layers:\n  - {layer}\n")
        network(f"{NET}layers:\n  - {cured}\n")
