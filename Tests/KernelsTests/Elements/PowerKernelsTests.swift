import Foundation
import XCTest

@testable import Kernels

final class PowerKernelsTests: XCTestCase {
  private let bases = [0.3, 1, 2.5, -2, -1.5, 0, 0]
  private let exponents = [-1.7, 0, 2.2, 3, 2, 1, 2]

  func testPowersAreThoseOfTheCLibrary() {
    var found = [Double](repeating: 0, count: bases.count)
    raise(Double.self, bases, exponents, &found, bases.count)
    for (i, y) in found.enumerated() { XCTAssertEqual(y, Foundation.pow(bases[i], exponents[i])) }
    let (x, u) = (bases.map(Float.init), exponents.map(Float.init))
    var narrow = [Float](repeating: 0, count: x.count)
    raise(Float.self, x, u, &narrow, x.count)
    for (i, y) in narrow.enumerated() { XCTAssertEqual(y, Float(Foundation.pow(Double(x[i]), Double(u[i])))) }
  }

  func testDerivativesWithRespectToTheBase() {
    let v = [Double](repeating: 2, count: bases.count)
    var found = [Double](repeating: 1, count: bases.count)
    powerDerivative(
      Double.self, bases, exponents, byExponent: false, v, &found, bases.count, true)
    let h = 1e-6
    for i in bases.indices {
      let (a, u) = (bases[i], exponents[i])
      let difference = (Foundation.pow(a + h, u) - Foundation.pow(a - h, u)) / (2 * h)
      XCTAssertEqual(found[i], 1 + 2 * difference, accuracy: 1e-4 * max(1, abs(difference)))
    }
  }

  func testDerivativesWithRespectToTheExponent() {
    let (x, u, v) = ([0.3, 1, 2.5, 0], [-1.7, 0, 2.2, 2], [1.0, 1, 1, 1])
    var found = [Double](repeating: .nan, count: 4)
    powerDerivative(Double.self, x, u, byExponent: true, v, &found, 4, false)
    let h = 1e-6
    for i in 0..<4 {
      let difference = (Foundation.pow(x[i], u[i] + h) - Foundation.pow(x[i], u[i] - h)) / (2 * h)
      XCTAssertEqual(found[i], difference, accuracy: 1e-7 * max(1, abs(difference)))
    }
  }

  func testCurvatureAlongBoth() {
    let (x, u, dx, du, g) = ([0.3, 2.5], [-1.7, 2.2], [0.7, -0.2], [0.4, 1.1], [1.5, -2.0])
    for byExponent in [false, true] {
      var found = [0.0, 0]
      powerCurvature(Double.self, x, u, byExponent: byExponent, dx, du, g, &found, 2)
      let h = 1e-6
      for i in 0..<2 {
        func slope(_ s: Double) -> Double {
          let terms = PowerTerms(x[i] + s * dx[i], u[i] + s * du[i])
          return byExponent ? terms.byExponent : terms.byBase
        }
        let difference = (slope(h) - slope(-h)) / (2 * h) * g[i]
        XCTAssertEqual(found[i], difference, accuracy: 1e-6 * max(1, abs(difference)))
      }
    }
  }
}
