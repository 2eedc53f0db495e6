import TestSupport
import XCTest

@testable import Kernels

final class OpenBLASTests: XCTestCase {
  func testTheLibraryNamesItself() {
    XCTAssertTrue(blasDescription().library.contains("OpenBLAS"))
    XCTAssertFalse(blasDescription().core.isEmpty)
  }

  /// The fallback, shared out by rows and by columns: sums of whole numbers are exact.
  func testProducts() {
    func check<T: Scalar>(_: T.Type) {
      for (m, n, k) in [(200, 70, 40), (40, 300, 50), (3, 2, 1)] {
        let a = (0..<m * k).map { Double($0 % 7 - 3) }
        let b = (0..<k * n).map { Double($0 % 5 - 2) }
        let (bufferA, bufferB, c) = (Buffer<T>(a), Buffer<T>(b), Buffer<T>(count: m * n))
        gemmByBLAS(
          T.self, false, false, m, n, k, bufferA.pointer, bufferB.pointer, c.pointer, false, shared: true)
        let wanted = (0..<m * n).map { index in
          (0..<k).reduce(0.0) { $0 + a[index / n * k + $1] * b[$1 * n + index % n] }
        }
        XCTAssertEqual(c.values, wanted)
      }
    }
    for type in scalarTypes { check(type) }
  }

  /// Kernels for an older processor than this one, and those that fit it.
  func testComplaint() {
    #if arch(x86_64)
      for (core, wide) in [("Prescott", true), ("Prescott", false), ("Haswell", true), ("Nehalem", false)] {
        let told = blasComplaint(core: core, wide: wide)
        XCTAssertTrue(told?.contains("OpenBLAS runs its kernels for \(core)") ?? false)
        XCTAssertEqual(told?.contains("AVX-512"), wide)
      }
      for (core, wide) in [("SkylakeX", true), ("Cooperlake", true), ("Zen", false), ("Haswell", false)] {
        XCTAssertNil(blasComplaint(core: core, wide: wide))
      }
    #endif
  }
}
