# lit's configuration: `.mlir`, `.attn` and `.test` files are shell tests with FileCheck. A GoogleTest program has a
# `.test` file of one RUN line beside its source. Run one folder with `lit build/test --filter compiler/fusion`.
import ctypes
import os
import subprocess
import lit.formats
import lit.util

config.name = "attnc"
config.test_source_root = os.path.join(config.attnc_src_root, "test")
config.test_exec_root = os.path.join(config.attnc_obj_root, "test")


config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".attn", ".test"]
config.excludes = ["Inputs", "CMakeLists.txt", "lit.cfg.py"]
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.attnc_obj_root, "bin"), os.path.join(config.attnc_obj_root, "test", "bin"),
     config.llvm_tools_dir, os.environ["PATH"]])
for name in ("ATTNC_GOLDEN", "ATTNC_PROPERTY_SECONDS", "ASAN_OPTIONS", "UBSAN_OPTIONS", "HOME"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
if "ATTNC_GOLDEN" in os.environ:
    config.available_features.add("golden")
onnx_tests = "/usr/share/libonnx-testdata/data"  # scripts/setup.sh --tests
if os.path.isdir(onnx_tests):
    config.available_features.add("onnx-tests")
for feature, package in ("onnxruntime", "onnxruntime-node"), ("ggml", "@node-llama-cpp/linux-x64"):
    if os.path.isdir(os.path.join(config.attnc_src_root, "bench/peers/node_modules", package)):
        config.available_features.add(feature)
if subprocess.run("unshare --map-root-user --mount true", shell=True, stderr=subprocess.DEVNULL).returncode == 0:
    config.available_features.add("unshare")  # this user may hide folders
if lit.util.which("ptxas", config.environment["PATH"]):
    config.available_features.add("ptxas")
try:
    ctypes.CDLL("libcuda.so.1")
    config.available_features.add("nvidia")
except OSError:
    pass
if config.sanitized:
    # LLVM's bump allocator poisons what it has not handed out, but only where its header was compiled with the sanitizer:
    # here it poisons slabs that the uninstrumented dylib then fills.
    options = os.environ.get("ASAN_OPTIONS", "")
    config.environment["ASAN_OPTIONS"] = ":".join(filter(None, [options, "allow_user_poisoning=0"]))
    config.available_features.add("sanitized")
config.substitutions += [
    ("%{check_shapes}", os.environ.get("ATTNC_CHECK_SHAPES", "--seconds=15")),
    ("%exits", "bash " + os.path.join(config.attnc_src_root, "test", "Inputs", "exits.sh")), # %exits STATUS COMMAND...
    ("%src", config.attnc_src_root),
    ("%onnx_tests", onnx_tests),
    ("%build", config.attnc_obj_root),
]
