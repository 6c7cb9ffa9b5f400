"""A GPU's memory: PyTorch's caching allocator, the workspaces of its libraries, and what fits under both."""
