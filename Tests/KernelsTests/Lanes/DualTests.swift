import XCTest

@testable import Kernels

final class DualTests: XCTestCase {
  /// Every operation against central differences of the same arithmetic on plain numbers.
  func testArithmeticAgainstDifferences() {
    func formula<L: Lane>(_ x: L, _ y: L) -> L {
      let a = (x * y + L(2)) / (x - L(0.25))
      return L.maximum(a, y).squareRoot() - L.minimum(x, y) * L.select(x, greaterThan: y, x, y / x)
    }
    for (x, y) in [(1.5, 0.7), (0.6, 2.2), (3.0, -0.4)] {
      for (dx, dy) in [(1.0, 0.0), (0.0, 1.0), (0.3, -2.0)] {
        let exact = formula(Dual(x, tangent: dx), Dual(y, tangent: dy))
        XCTAssertEqual(exact.value, formula(x, y), accuracy: 1e-15)
        let h = 1e-6
        let difference = (formula(x + h * dx, y + h * dy) - formula(x - h * dx, y - h * dy)) / (2 * h)
        XCTAssertEqual(exact.tangent, difference, accuracy: 1e-8)
      }
    }
  }

  func testTheRootOfZeroHasNoTangent() {
    let root = Dual(0.0, tangent: 1).squareRoot()
    XCTAssertEqual(root.value, 0)
    XCTAssertEqual(root.tangent, 0)
  }

  func testDualVectorsAreDualNumbersSideBySide() {
    let x = SIMD8<Double>(1, 2, 3, 4, 5, 6, 7, 8)
    let dual = Dual(x, tangent: SIMD8(repeating: 1))
    let y = (dual * dual / (dual + Dual(1))).squareRoot()
    for lane in 0..<8 {
      let single = Dual(x[lane], tangent: 1)
      let wanted = (single * single / (single + Dual(1))).squareRoot()
      XCTAssertEqual(y.value[lane], wanted.value, accuracy: 1e-15)
      XCTAssertEqual(y.tangent[lane], wanted.tangent, accuracy: 1e-15)
    }
  }
}
