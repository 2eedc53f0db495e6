import TestSupport
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

  /// A packed and not, in one piece and in several, panels or blocks of columns first, for every transposition: the same
  /// bits, near the obvious loop in Double.
  func testPackingDoesNotShow() {
    func check<T: Scalar>(_: T.Type) {
      var numbers = Numbers(seed: 8)
      let shapes = [(120, 70, 300), (61, 45, 530), (30, 130, 40), (15, 33, 17)]
      for (index, (m, n, k)) in shapes.enumerated() {
        let (a, b, c) = (numbers.array(m * k), numbers.array(k * n), numbers.array(m * n))
        let (left, right, accumulate) = (Buffer<T>(a), Buffer<T>(b), index % 2 == 0)
        for (transposeA, transposeB) in [(false, false), (false, true), (true, false), (true, true)] {
          let (rowA, columnA) = transposeA ? (1, m) : (k, 1)
          let (rowB, columnB) = transposeB ? (1, k) : (n, 1)
          let wanted = (0..<m * n).map { place in
            (0..<k).reduce(accumulate ? c[place] : 0) {
              $0 + a[place / n * rowA + $1 * columnA] * b[$1 * rowB + place % n * columnB]
            }
          }
          for kernels in GemmKernels.all(T.dtype) {
            var first: [Double]?
            for (fewUses, packedLimit, near) in [
              (0, 1 << 21, 1 << 19), (0, 40 * k, 1 << 19), (100, 1 << 21, 1 << 19), (0, 1 << 21, 0),
              (100, 1 << 21, 0),
            ] {
              let label =
                "\(kernels.name) \([m, n, k]) \(transposeA) \(transposeB) \([fewUses, packedLimit, near])"
              let got = sameBitsForAnyThreads(label) {
                let result = accumulate ? Buffer<T>(c) : Buffer<T>(count: m * n)
                BlockedGemm(
                  kernels: kernels, m: m, n: n, k: k,
                  a: .init(pointer: left.elements, row: rowA, column: columnA),
                  b: .init(pointer: right.elements, row: rowB, column: columnB), c: result.elements, cRow: n,
                  accumulate: accumulate, packedLimit: packedLimit, fewUses: fewUses,
                  nearBytes: near
                ).run(shared: true)
                return result.values
              }
              expectClose(T.self, got, wanted, units: 8 + Double(k), label)
              if let first {
                XCTAssertTrue(
                  zip(first, got).allSatisfy { $0.bitPattern == $1.bitPattern }, "\(label): other bits")
              }
              first = got
            }
          }
        }
      }
    }
    for type in scalarTypes { check(type) }
  }
}
