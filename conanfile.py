# SPDX-License-Identifier: BSL-1.0
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, CMakeDeps, cmake_layout
from conan.tools.files import load

required_conan_version = ">=2.0"


class Mayfly(ConanFile):
    name = "mayfly"
    description = "Serverless workers for C++: an embeddable, header-only core"
    license = "BSL-1.0"
    topics = ("serverless", "scaling", "temporal", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    exports_sources = "CMakeLists.txt", "LICENSE", "include/*", "adapters/*", "providers/*"

    # Each module: what it stands on of mayfly's, and of others'.
    modules = {
        "http": (["core"], ["openssl::ssl", "openssl::crypto"]),
        "grpc": (["http"], ["libnghttp2::nghttp2"]),
        "lambda_runtime": (["http"], []),
        "config": (["core"], ["tomlplusplus::tomlplusplus"]),
        "temporal": (["grpc", "config", "lambda_runtime"], ["protobuf::libprotobuf-lite"]),
        "aws": (["http"], []),
        "local": (["lambda_runtime"], []),
        "mock": (["core"], []),
    }
    options = {f"with_{name}": [True, False] for name in modules}
    default_options = {f"with_{name}": True for name in modules}

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "include/mayfly/version.hpp"))
        self.version = ".".join(re.findall(r"define MAYFLY_VERSION_\w+ (\d+)", text))

    def configure(self):
        # A module that is wanted brings the modules it stands on; those it comes after are listed before it.
        for name, (stands_on, _) in reversed(self.modules.items()):
            if self.options.get_safe(f"with_{name}"):
                for other in stands_on:
                    if other != "core":
                        setattr(self.options, f"with_{other}", True)

    def requirements(self):
        self.requires("boost/[>=1.81 <2]", transitive_headers=True, options={"header_only": True})
        if self.options.with_http:
            self.requires("openssl/[>=3 <4]", transitive_headers=True, transitive_libs=True)
        if self.options.with_config:
            self.requires("tomlplusplus/[>=3 <4]", transitive_headers=True)
        if self.options.with_temporal:
            self.requires("protobuf/[>=3.21 <7]", transitive_headers=True, transitive_libs=True,
                          options={"lite": True})
        if self.options.with_grpc:
            self.requires("libnghttp2/[>=1.43 <2]", transitive_headers=True, transitive_libs=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self)

    def package_id(self):
        # Headers are the same everywhere; only which of them there are differs.
        self.info.settings.clear()
        self.info.requires.clear()

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["MAYFLY_BUILD_TESTS"] = False
        toolchain.cache_variables["MAYFLY_BUILD_EXAMPLES"] = False
        for name in self.modules:
            toolchain.cache_variables[f"MAYFLY_WITH_{name.upper()}"] = bool(self.options.get_safe(f"with_{name}"))
        toolchain.generate()
        CMakeDeps(self).generate()

    def package(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.install()

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "mayfly")
        core = self.component("core", ["boost::headers"])
        if self.settings.os in ("Linux", "FreeBSD"):
            core.system_libs = ["pthread"]
        for name, (stands_on, others) in self.modules.items():
            if self.options.get_safe(f"with_{name}"):
                self.component(name, stands_on + others)
        scripts = [f"{script}.cmake" for module, script in [("lambda_runtime", "mayfly_add_bootstrap"),
                                                            ("temporal", "mayfly_temporal_proto")]
                   if self.options.get_safe(f"with_{module}")]
        self.cpp_info.set_property("cmake_build_modules",
                                   [os.path.join("lib", "cmake", "mayfly", script) for script in scripts])

    def component(self, name, requires):
        part = self.cpp_info.components[name]
        part.set_property("cmake_target_name", f"mayfly::{name}")
        part.bindirs = []
        part.libdirs = []
        part.requires = requires
        return part
