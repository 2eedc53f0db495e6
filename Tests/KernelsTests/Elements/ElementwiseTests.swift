import TestSupport
import XCTest

@testable import Kernels

final class ElementwiseTests: XCTestCase {
  private let shared = 2 * blockLength + 21

  private func check<T: Scalar>(_: T.Type, _ n: Int) {
    var numbers = Numbers(seed: UInt64(n + 1))
    let (a, b, c) = (numbers.array(n), numbers.array(n), numbers.array(n))
    let (pa, pb) = (Buffer<T>(a), Buffer<T>(b))
    func out(_ accumulate: Bool, _ run: (UnsafeMutableRawPointer) -> Void) -> [Double] {
      sameBitsForAnyThreads {
        let buffer = accumulate ? Buffer<T>(c) : Buffer<T>(count: n)
        run(buffer.pointer)
        return buffer.values
      }
    }
    expectClose(
      T.self, out(false) { addScaled(T.self, pa.pointer, pb.pointer, -0.3, $0, n) },
      zip(a, b).map { $0 - 0.3 * $1 }, units: 2, "a + alpha b, \(n)")
    let (products, scaled) = (zip(a, b).map(*), a.map { 1.7 * $0 })
    for accumulate in [false, true] {
      expectClose(
        T.self, out(accumulate) { multiply(T.self, pa.pointer, pb.pointer, $0, n, accumulate) },
        accumulate ? zip(c, products).map(+) : products, units: 2, "a b, \(n)")
      expectClose(
        T.self, out(accumulate) { scale(T.self, pa.pointer, 1.7, $0, n, accumulate) },
        accumulate ? zip(c, scaled).map(+) : scaled, units: 2, "alpha a, \(n)")
    }
    expectClose(
      T.self, out(false) { fill(T.self, $0, n, 0.1) }, [Double](repeating: Double(T(0.1)), count: n))
    let inner = sameBitsForAnyThreads { [innerProduct(T.self, pa.pointer, pb.pointer, n)] }
    XCTAssertEqual(inner[0], dot(a, b), accuracy: 1e-13 * max(1, Double(n)), "\(T.self) \(n)")
  }

  func testTails() { for n in tailCounts { for type in scalarTypes { check(type, n) } } }

  func testSharedOutAmongThreads() { for type in scalarTypes { check(type, shared) } }

  /// Sums are made in double precision: float products of this size would be lost beside 1e8.
  func testInnerProductsKeepSmallTerms() {
    let n = 4096
    let a = Buffer<Float>([1e4] + [Double](repeating: 1e-2, count: n - 1))
    let got = innerProduct(Float.self, a.pointer, a.pointer, n)
    XCTAssertEqual(got, dot(a.values, a.values), accuracy: 1e-4)
  }

  private func checkClip<T: Scalar>(_: T.Type, _ n: Int) {
    var numbers = Numbers(seed: UInt64(n + 5))
    let g = numbers.array(n)
    for (factor, limit) in [(1, .infinity), (0.5, .infinity), (1, 0.25), (-2, 0.75)] {
      let buffer = Buffer<T>(g)
      clip(T.self, buffer.pointer, n, scale: factor, limit: limit)
      expectClose(T.self, buffer.values, g.map { max(min($0 * factor, limit), -limit) }, units: 1)
    }
  }

  func testClipping() { for n in tailCounts { for type in scalarTypes { checkClip(type, n) } } }

  func testInPlace() {
    let a = Buffer<Double>([1, 2, 3])
    addScaled(Double.self, a.pointer, a.pointer, 2, a.pointer, 3)
    XCTAssertEqual(a.values, [3, 6, 9])
    scale(Double.self, a.pointer, 0.5, a.pointer, 3, true)
    XCTAssertEqual(a.values, [4.5, 9, 13.5])
  }
}
