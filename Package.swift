// swift-tools-version: 6.2
import PackageDescription

// Tests run loops over every term, and the leaves beside them: without -O these take most of the tests' time.
let optimized: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

// Leaf loops that float64 has no use for.
let floatOnly = ["Draws.swift", "GeluTiles.swift", "WinogradTiles.swift"]

// Vector code needs a fixed instruction set; the shim refuses to load on an older processor.
#if arch(x86_64)
  let vectorFlags = ["-Xcc", "-march=x86-64-v3"]
  // The same leaf loops once more for AVX-512, run only where the processor has it.
  let wideTargets: [Target] = [
    .target(
      name: "MicroKernelsV4", dependencies: ["CVector"],
      swiftSettings: [
        .swiftLanguageMode(.v5), .define("WIDE_VECTORS"), .unsafeFlags(["-Xcc", "-march=x86-64-v4"]),
      ] + optimized),
    .target(
      name: "MicroKernels64V4", dependencies: ["CVector"], exclude: floatOnly,
      swiftSettings: [
        .swiftLanguageMode(.v5), .define("WIDE_VECTORS"), .define("DOUBLE_PRECISION"),
        .unsafeFlags(["-Xcc", "-march=x86-64-v4"]),
      ] + optimized),
  ]
#else
  let vectorFlags: [String] = []
  let wideTargets: [Target] = []
#endif
// What the Swift runtime cannot do without is asked for through `CVector`, which has a reserve.
let guarded = ["malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "_Znwm"]
let replaced = guarded + ["hypotf"]

let numeric: [SwiftSetting] = [.swiftLanguageMode(.v5), .unsafeFlags(vectorFlags)]
let microKernels = ["MicroKernels", "MicroKernels64"] + wideTargets.map(\.name)

let package = Package(
  name: "lrswift",
  products: [
    .library(name: "lrswift", type: .dynamic, targets: ["CInterface"])
  ],
  targets: [
    // C
    .target(name: "CLRSwift"),
    .target(
      name: "CVector", linkerSettings: [.unsafeFlags(replaced.flatMap { ["-Xlinker", "--wrap=\($0)"] })]),
    .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
    // Swift; imports go downwards only
    .target(name: "Vocabulary"),
    .target(name: "MicroKernels", dependencies: ["CVector"], swiftSettings: numeric + optimized),
    .target(
      name: "MicroKernels64", dependencies: ["CVector"], exclude: floatOnly,
      swiftSettings: numeric + [.define("DOUBLE_PRECISION")] + optimized),
    .target(
      name: "Kernels",
      dependencies: ["Vocabulary", "CVector", "COpenBLAS"] + microKernels.map { .init(stringLiteral: $0) },
      swiftSettings: numeric),
    .target(name: "Autodiff", dependencies: ["Vocabulary", "Kernels", "CVector"], swiftSettings: numeric),
    .target(name: "Adaptation", dependencies: ["Vocabulary"], swiftSettings: numeric),
    .target(name: "Optimization", dependencies: ["Vocabulary", "Kernels"], swiftSettings: numeric),
    .target(
      name: "Training",
      dependencies: ["Vocabulary", "Kernels", "Autodiff", "Adaptation", "Optimization", "CVector"],
      swiftSettings: numeric),
    .target(name: "CInterface", dependencies: ["Training", "CLRSwift"], swiftSettings: numeric),
    // Tests
    .target(
      name: "TestSupport", dependencies: ["Vocabulary", "Kernels", "Autodiff"], path: "Tests/TestSupport",
      swiftSettings: numeric + optimized),
    .testTarget(name: "VocabularyTests", dependencies: ["Vocabulary", "TestSupport"]),
    .testTarget(
      name: "KernelsTests", dependencies: ["Kernels", "TestSupport"], swiftSettings: numeric + optimized),
    .testTarget(name: "AutodiffTests", dependencies: ["Autodiff", "TestSupport"], swiftSettings: numeric),
    .testTarget(
      name: "AdaptationTests", dependencies: ["Adaptation", "TestSupport"], swiftSettings: numeric),
    .testTarget(
      name: "OptimizationTests", dependencies: ["Optimization", "TestSupport"], swiftSettings: numeric),
    .testTarget(name: "TrainingTests", dependencies: ["Training", "TestSupport"], swiftSettings: numeric),
    .testTarget(
      name: "CInterfaceTests", dependencies: ["CInterface", "CLRSwift", "TestSupport"], swiftSettings: numeric
    ),
  ] + wideTargets
)
