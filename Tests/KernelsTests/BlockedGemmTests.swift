import XCTest

@testable import Kernels

/// The products themselves are in GemmTests; this is how they are cut into pieces.
final class BlockedGemmTests: XCTestCase {
  func testSplitCoversAllInOrder() {
    for count in [0, 1, 5, 14, 100] {
      for parts in [1, 2, 3, 7, 100] {
        let split = Split(count, parts)
        let ranges = (0..<parts).map { split[$0] }
        XCTAssertEqual(ranges.flatMap { Array($0) }, Array(0..<count))
        XCTAssertEqual(ranges.map(\.count).max(), split.longest)
        XCTAssertLessThanOrEqual(split.longest - (ranges.map(\.count).min() ?? 0), 1)
      }
    }
    XCTAssertEqual(Split(0, 0).longest, 0)
    XCTAssertEqual([divideUp(0, 3), divideUp(1, 3), divideUp(3, 3), divideUp(4, 3)], [0, 1, 1, 2])
  }

  func testSplitByUnits() {
    for (count, parts, lengths) in [
      (784, 4, [208, 192, 192, 192]), (1000, 4, [256, 256, 256, 232]), (257, 2, [144, 113]), (5, 1, [5]),
    ] {
      let split = Split(count, parts, unit: 16)
      let ranges = (0..<parts).map { split[$0] }
      XCTAssertEqual(ranges.flatMap { Array($0) }, Array(0..<count))
      XCTAssertEqual(ranges.map(\.count), lengths)
      XCTAssertEqual(split.longest, lengths[0])
    }
  }

  /// A larger than what is packed at a time.
  func testManyRows() {
    let (m, n, k) = (5000, 100, 450)
    let a = (0..<m * k).map { Double($0 % 7 - 3) }
    let b = (0..<k * n).map { Double($0 % 5 - 2) }
    let (bufferA, bufferB) = (Buffer<Float>(a), Buffer<Float>(b))
    for kernels in GemmKernels.all {
      let c = Buffer<Float>(count: m * n)
      gemm(kernels, false, false, m, n, k, bufferA.pointer, bufferB.pointer, c.pointer, false, shared: true)
      for (i, j) in [(0, 0), (1, 99), (2499, 50), (2500, 3), (4660, 20), (4999, 99)] {
        let wanted = (0..<k).reduce(0.0) { $0 + a[i * k + $1] * b[$1 * n + j] }
        XCTAssertEqual(Double(c.elements[i * n + j]), wanted, "\(kernels.name) \(i) \(j)")
      }
    }
  }
}
