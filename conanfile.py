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
    exports_sources = "CMakeLists.txt", "LICENSE", "include/*"

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "include/mayfly/version.hpp"))
        self.version = ".".join(re.findall(r"define MAYFLY_VERSION_\w+ (\d+)", text))

    def requirements(self):
        self.requires("boost/[>=1.81 <2]", transitive_headers=True, options={"header_only": True})

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self)

    def package_id(self):
        self.info.clear()

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["MAYFLY_BUILD_TESTS"] = False
        toolchain.cache_variables["MAYFLY_BUILD_EXAMPLES"] = False
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
        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "mayfly::core")
        core.bindirs = []
        core.libdirs = []
        core.requires = ["boost::headers"]
        if self.settings.os in ("Linux", "FreeBSD"):
            core.system_libs = ["pthread"]
