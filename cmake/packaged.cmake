# The Debian packages we build on, each under one target name.
include_guard()
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
find_package(CURL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Protobuf REQUIRED)

# Abseil and protobuf go into programs as archives: a start is faster and private memory smaller,
# and the gRPC module can bring its own shared copies without meeting ours.
file(GLOB absl_archives /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/libabsl_*.a)
list(FILTER absl_archives EXCLUDE REGEX "absl_(flags|log_internal_test|random_internal_distribution_test|scoped_mock)")
add_library(packaged_absl INTERFACE)
target_link_libraries(packaged_absl INTERFACE -Wl,--start-group ${absl_archives} -Wl,--end-group Threads::Threads)

find_library(PROTOBUF_ARCHIVE NAMES libprotobuf.a REQUIRED)
add_library(packaged_protobuf INTERFACE)
target_link_libraries(packaged_protobuf INTERFACE ${PROTOBUF_ARCHIVE} Threads::Threads z)

add_library(packaged_crypto INTERFACE)
target_link_libraries(packaged_crypto INTERFACE OpenSSL::Crypto)
add_library(packaged_tls INTERFACE)
target_link_libraries(packaged_tls INTERFACE OpenSSL::SSL OpenSSL::Crypto)
find_package(fmt REQUIRED)
add_library(packaged_fmt INTERFACE)
target_link_libraries(packaged_fmt INTERFACE fmt::fmt-header-only)
