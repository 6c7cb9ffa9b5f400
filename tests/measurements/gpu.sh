#!/bin/sh
# Measures 20 networks on a GPU: tests/measurements/gpu.sh FOLDER, from the root of the repository. Each in a process of
# its own, so that the allocator starts empty. What does not fit is named and left out.
set -u
folder=tests/measurements/${1:?the name of the GPU, as the folder}
mkdir -p "$folder"
for name in alexnet vgg16 resnet18 resnet50 resnet152 resnext50_32x4d wide_resnet50_2 densenet121 googlenet inception_v3 \
            squeezenet1_1 mobilenet_v2 mobilenet_v3_large mnasnet1_0 shufflenet_v2_x1_0 efficientnet_b0 regnet_y_400mf \
            convnext_tiny swin_t vit_b_16; do
  for dtype in float32 bfloat16; do
    for batch in 1 64; do
      for mode in infer train; do
        cnncalc profile $name --device cuda --batch $batch --dtype $dtype --mode $mode --repeat 5 \
          --save-workspaces "$folder/workspaces_$dtype.json" \
          --save "$folder/${name}_b${batch}_${dtype}_${mode}.json" >/dev/null || echo "left out: $name $batch $dtype $mode"
      done
    done
  done
done
