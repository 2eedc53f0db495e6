import TestSupport
import XCTest

@testable import Kernels

final class GemmTests: XCTestCase {
  private func naive(
    _ ta: Bool, _ tb: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: [Double], _ b: [Double], _ c: [Double]?
  ) -> [Double] {
    var result = c ?? [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n {
        var sum = 0.0
        for p in 0..<k { sum += (ta ? a[p * m + i] : a[i * k + p]) * (tb ? b[j * k + p] : b[p * n + j]) }
        result[i * n + j] += sum
      }
    }
    return result
  }

  private func check<T: Scalar>(
    _: T.Type, _ ta: Bool, _ tb: Bool, _ m: Int, _ n: Int, _ k: Int, accumulate: Bool, shared: Bool = true
  ) {
    var numbers = Numbers(seed: UInt64(m + 100 * n + 10_000 * k + (ta ? 7 : 0) + (tb ? 11 : 0)))
    let (a, b, c) = (numbers.array(m * k), numbers.array(k * n), numbers.array(m * n))
    let (bufferA, bufferB) = (Buffer<T>(a), Buffer<T>(b))
    let got = sameBitsForAnyThreads("gemm \(m) \(n) \(k)") {
      // Without accumulation what is there, NaN too, must not shine through.
      let result = accumulate ? Buffer<T>(c) : Buffer<T>(count: m * n)
      gemm(
        T.self, ta, tb, m, n, k, bufferA.pointer, bufferB.pointer, result.pointer, accumulate, shared: shared)
      return result.values
    }
    expectClose(
      T.self, got, naive(ta, tb, m, n, k, a, b, accumulate ? c : nil), units: 8 + Double(k),
      "m \(m) n \(n) k \(k) \(ta) \(tb)")
  }

  func testSmallShapes() {
    let sizes = [0, 1, 2, 7, 33]
    for (i, m) in sizes.enumerated() {
      for (j, n) in sizes.enumerated() {
        for (l, k) in sizes.enumerated() {
          for type in scalarTypes {
            check(type, (i + j) % 2 == 0, (j + l) % 2 == 0, m, n, k, accumulate: (i + j + l) % 2 == 0)
          }
        }
      }
    }
  }

  func testTransposesAndAccumulation() {
    for ta in [false, true] {
      for tb in [false, true] {
        for accumulate in [false, true] {
          for type in scalarTypes {
            check(type, ta, tb, 13, 29, 17, accumulate: accumulate)
            check(type, ta, tb, 1, 29, 17, accumulate: accumulate)
            check(type, ta, tb, 13, 1, 17, accumulate: accumulate)
          }
        }
      }
    }
  }

  /// Shared out by rows, by columns, and not at all.
  func testLargeShapes() {
    for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
      for type in scalarTypes {
        check(type, ta, tb, 131, 127, 65, accumulate: ta)
        check(type, ta, tb, 45, 393, 64, accumulate: tb)
      }
    }
    check(Float.self, false, false, 131, 67, 65, accumulate: false, shared: false)
  }

  /// Every set of micro-kernels that this processor runs, and all of them the same bits.
  func testEveryVectorWidth() {
    func check<T: Scalar>(_: T.Type) {
      var numbers = Numbers(seed: 5)
      let fixed = [
        (14, 32, 256), (15, 33, 257), (13, 31, 255), (1, 1, 600), (128, 10, 300), (40, 16, 520),
        (97, 130, 64),
        (6, 16, 1), (300, 260, 130), (5, 700, 300), (700, 5, 40),
      ]
      let random = (0..<40).map { _ in
        (1 + numbers.integer(below: 70), 1 + numbers.integer(below: 140), 1 + numbers.integer(below: 300))
      }
      for (index, (m, n, k)) in (fixed + random).enumerated() {
        let (ta, tb, accumulate) = (index % 2 == 0, index % 4 < 2, index % 3 == 0)
        let (a, b, c) = (numbers.array(m * k), numbers.array(k * n), numbers.array(m * n))
        let (bufferA, bufferB) = (Buffer<T>(a), Buffer<T>(b))
        let wanted = naive(ta, tb, m, n, k, a, b, accumulate ? c : nil)
        var first: [Double]?
        for kernels in GemmKernels.all(T.dtype) {
          let label = "\(kernels.name): \(m) \(n) \(k) \(ta) \(tb)"
          let got = sameBitsForAnyThreads(label) {
            let result = accumulate ? Buffer<T>(c) : Buffer<T>(count: m * n)
            gemm(
              kernels, ta, tb, m, n, k, bufferA.pointer, bufferB.pointer, result.pointer, accumulate,
              shared: true
            )
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

  func testNonFiniteValuesPass() {
    func check<T: Scalar>(_: T.Type) {
      let a = Buffer<T>([.nan, 1, .infinity, 1])
      let b = Buffer<T>([1, 1, 1, 1])
      let c = Buffer<T>(count: 4)
      gemm(T.self, false, false, 2, 2, 2, a.pointer, b.pointer, c.pointer, false)
      XCTAssertTrue(c.values[0].isNaN && c.values[1].isNaN)
      XCTAssertEqual(Array(c.values[2...]), [.infinity, .infinity])
    }
    for type in scalarTypes { check(type) }
  }

}
