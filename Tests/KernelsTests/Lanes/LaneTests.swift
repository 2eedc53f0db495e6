import TestSupport
import Vocabulary
import XCTest

@testable import Kernels

/// What the loops rely on of both vector types, lane by lane.
final class LaneTests: XCTestCase {
  private func lanes<V: VectorLane>(_ v: V) -> [Double] where V.Element: Scalar {
    let buffer = Buffer<V.Element>(count: V.width)
    v.store(buffer.elements)
    return buffer.values
  }

  private func vector<V: VectorLane>(_: V.Type, _ values: [Double]) -> V where V.Element: Scalar {
    V.load(Buffer<V.Element>(Array(values.prefix(V.width))).elements)
  }

  private func check<T: Scalar>(_: T.Type) {
    typealias V = T.Vector
    var numbers = Numbers(seed: 30)
    let width = V.width
    let (a, b, c) = (numbers.array(width), numbers.array(width), numbers.array(width))
    let (va, vb, vc) = (vector(V.self, a), vector(V.self, b), vector(V.self, c))
    expectClose(T.self, lanes(va + vb), zip(a, b).map(+), units: 1)
    expectClose(T.self, lanes(va - vb), zip(a, b).map(-), units: 1)
    expectClose(T.self, lanes(va * vb), zip(a, b).map(*), units: 1)
    expectClose(T.self, lanes(va / vb), zip(a, b).map(/), units: 1)
    expectClose(T.self, lanes(-va), a.map { -$0 }, units: 0)
    expectClose(T.self, lanes(va.absoluteValue), a.map(abs), units: 0)
    expectClose(T.self, lanes(va.absoluteValue.squareRoot()), a.map { abs($0).squareRoot() }, units: 1)
    expectClose(
      T.self, lanes(va.fused(times: vb, plus: vc)), (0..<width).map { a[$0] * b[$0] + c[$0] }, units: 1)
    expectClose(T.self, lanes(V.maximum(va, vb)), zip(a, b).map { max($0, $1) }, units: 0)
    expectClose(T.self, lanes(V.minimum(va, vb)), zip(a, b).map { min($0, $1) }, units: 0)
    expectClose(T.self, lanes(va.mapLanes { 3 * $0 }), a.map { 3 * $0 }, units: 1)
    expectClose(T.self, lanes(V(0.1)), [Double](repeating: Double(T(0.1)), count: width), units: 0)
    XCTAssertEqual(va.sum(), a.reduce(0, +), accuracy: 1e-14)
    let sums = V.addProduct(vb, vc, V.addProduct(va, vb, V.Wide(0)))
    XCTAssertEqual(sums.sum(), dot(a, b) + dot(b, c), accuracy: 1e-14)
    XCTAssertEqual(T.widen(Buffer<T>(a).elements).sum(), a.prefix(8).reduce(0, +), accuracy: 1e-14)
  }

  func testScalarsOfFloatingTypes() {
    for dtype in [DType.float32, .float64] { XCTAssertEqual(dtype.scalar.dtype, dtype) }
  }

  func testArithmetic() { for type in scalarTypes { check(type) } }

  private func checkParts<T: Scalar>(_: T.Type) {
    typealias V = T.Vector
    let (low, high) = (T.dtype == .float32 ? -126 : -1022, T.dtype == .float32 ? 127 : 1023)
    for n in [low, -20, -1, 0, 1, 9, high] {
      let shifted = V(Double(n)) + V(V.roundingShift)
      let power = Double(sign: .plus, exponent: n, significand: 1)
      XCTAssertEqual(lanes(V(1).scaled(byExponentOf: shifted))[0], power)
      XCTAssertEqual(lanes(V(-1.75).scaled(byExponentOf: shifted))[0], -1.75 * power)
    }
    for x in [1, 1.5, 1.999, 2, 3, 0.25, 1e-20, 1e20, Double(T.leastNormalMagnitude)] {
      let exact = T(x)
      let larger = exact.significand > T(2).squareRoot()
      XCTAssertEqual(lanes(V(Double(exact)).exponent)[0], Double(exact.exponent) + (larger ? 1 : 0))
      XCTAssertEqual(lanes(V(Double(exact)).mantissa)[0], Double(exact.significand) / (larger ? 2 : 1))
    }
    for (x, sign) in [(1.5, -2.0), (-1.5, -0.0), (-1.5, 0.0), (0, -1)] {
      XCTAssertEqual(
        lanes(V(x).signed(like: V(sign)))[0].bitPattern, (sign.sign == .minus ? -abs(x) : abs(x)).bitPattern)
    }
  }

  func testPartsOfNumbers() { for type in scalarTypes { checkParts(type) } }

  private func checkPartial<T: Scalar>(_: T.Type) {
    typealias V = T.Vector
    let values = (1...V.width).map(Double.init)
    for count in 0...V.width {
      let v = V.load(Buffer<T>(Array(values.prefix(count))).elements, count: count)
      XCTAssertEqual(lanes(v), values.enumerated().map { $0 < count ? $1 : 0 })
      let out = Buffer<T>(count: count, filledWith: 0)
      vector(V.self, values).store(out.elements, count: count)
      XCTAssertEqual(out.values, Array(values.prefix(count)))
    }
  }

  func testPartialLoadsAndStores() { for type in scalarTypes { checkPartial(type) } }

  private func checkSelect<T: Scalar>(_: T.Type) {
    typealias V = T.Vector
    let (yes, no) = (V(1), V(2))
    func choice(_ a: Double, _ b: Double) -> Double { lanes(V.select(V(a), greaterThan: V(b), yes, no))[0] }
    XCTAssertEqual([choice(2, 1), choice(1, 2), choice(1, 1)], [1, 2, 2])
    XCTAssertEqual([choice(.nan, 1), choice(1, .nan), choice(.infinity, 1)], [2, 2, 1])
  }

  func testNaNSelectsTheSecond() { for type in scalarTypes { checkSelect(type) } }
}
