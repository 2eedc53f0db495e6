import CVector
import TestSupport
import XCTest

@testable import Kernels

final class DotGemmTests: XCTestCase {
  /// Against the obvious loop in Double, all vector widths with the same bits: odd sizes, rests of every length, either
  /// side the longer one, shared out or not.
  func testEqualsTheObviousLoop() {
    func check<T: Scalar>(_: T.Type) {
      var numbers = Numbers(seed: 11)
      let fixed = [
        (1, 1, 16), (4, 4, 32), (5, 7, 17), (128, 10, 1000), (10, 128, 301), (32, 32, 784), (10, 700, 200),
      ]
      let rests = (16..<32).map { (3, 5, $0) }
      let random = (0..<40).map { _ in
        (1 + numbers.integer(below: 40), 1 + numbers.integer(below: 40), 16 + numbers.integer(below: 300))
      }
      for (index, (m, n, k)) in (fixed + rests + random).enumerated() {
        let (a, b, c) = (numbers.array(m * k), numbers.array(n * k), numbers.array(m * n))
        let (left, right, accumulate) = (Buffer<T>(a), Buffer<T>(b), index % 2 == 0)
        let wanted = (0..<m * n).map { place in
          (0..<k).reduce(accumulate ? c[place] : 0) { $0 + a[place / n * k + $1] * b[place % n * k + $1] }
        }
        var first: [Double]?
        for kernels in GemmKernels.all(T.dtype) {
          let label = "\(kernels.name): \(m) \(n) \(k)"
          let got = sameBitsForAnyThreads(label) {
            let result = accumulate ? Buffer<T>(c) : Buffer<T>(count: m * n)
            DotGemm(
              kernels: kernels, m: m, n: n, k: k, a: left.elements, b: right.elements, c: result.elements,
              accumulate: accumulate
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
    for type in scalarTypes { check(type) }
  }

  /// The rest of a sum is read together with numbers that were counted before: they must not count twice, nor may a NaN
  /// beside the rest get in.
  func testNonFiniteValuesStayInTheirRows() {
    func check<T: Scalar>(_: T.Type) {
      let (n, k) = (3, 20)
      var b = [Double](repeating: 1, count: n * k)
      b[k - 1] = .infinity
      b[k + 5] = .nan
      let (left, right) = (Buffer<T>([Double](repeating: 1, count: 2 * k)), Buffer<T>(b))
      for kernels in GemmKernels.all(T.dtype) {
        let result = Buffer<T>(count: 2 * n)
        DotGemm(
          kernels: kernels, m: 2, n: n, k: k, a: left.elements, b: right.elements, c: result.elements,
          accumulate: false
        ).run(shared: false)
        for row in [0, 3] {
          XCTAssertEqual(result.values[row], .infinity, kernels.name)
          XCTAssertTrue(result.values[row + 1].isNaN, kernels.name)
          XCTAssertEqual(result.values[row + 2], 20, kernels.name)
        }
      }
    }
    for type in scalarTypes { check(type) }
  }

  /// The kernels read a vector's numbers at a time, and what is chosen must fit every table.
  func testTakesLongSumsOfFewResultsOnly() {
    for (m, n, k) in [(128, 10, 1000), (32, 32, 784), (1, 1000, 100)] {
      XCTAssertTrue(DotGemm<Float>.takes(m, n, k))
      XCTAssertTrue(DotGemm<Double>.takes(m, n, k))
    }
    for (m, n, k) in [(1, 1, 15), (512, 512, 512), (128, 32, 64), (128, 1000, 784), (128, 128, 4096)] {
      XCTAssertFalse(DotGemm<Float>.takes(m, n, k))
      XCTAssertFalse(DotGemm<Double>.takes(m, n, min(k, 1000)))
    }
    XCTAssertFalse(DotGemm<Double>.takes(1, 1, 7))
  }
}
