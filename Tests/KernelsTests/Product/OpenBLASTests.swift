import TestSupport
import XCTest

@testable import Kernels

final class OpenBLASTests: XCTestCase {
  func testTheLibraryNamesItself() {
    XCTAssertTrue(blasDescription().library.contains("OpenBLAS"))
    XCTAssertFalse(blasDescription().core.isEmpty)
  }

  /// The fallback in float32, shared out by rows and by columns: sums of whole numbers are exact.
  func testFloatProducts() {
    for (m, n, k) in [(200, 70, 40), (40, 300, 50), (3, 2, 1)] {
      let a = (0..<m * k).map { Double($0 % 7 - 3) }
      let b = (0..<k * n).map { Double($0 % 5 - 2) }
      let (bufferA, bufferB, c) = (Buffer<Float>(a), Buffer<Float>(b), Buffer<Float>(count: m * n))
      gemmByBLAS(
        Float.self, false, false, m, n, k, bufferA.pointer, bufferB.pointer, c.pointer, false, shared: true)
      let wanted = (0..<m * n).map { index in
        (0..<k).reduce(0.0) { $0 + a[index / n * k + $1] * b[$1 * n + index % n] }
      }
      XCTAssertEqual(c.values, wanted)
    }
  }
}
