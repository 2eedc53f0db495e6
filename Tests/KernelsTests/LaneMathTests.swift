import Foundation
import XCTest

@testable import Kernels

final class LaneMathTests: XCTestCase {
  private func worst<T: Scalar>(
    _: T.Type, _ low: Double, _ high: Double, _ f: (T.Vector) -> T.Vector, _ reference: (Double) -> Double
  ) -> Double {
    var worst = 0.0
    let count = 20_000
    var inputs = [T](repeating: 0, count: T.Vector.width)
    var outputs = inputs
    for i in stride(from: 0, to: count, by: T.Vector.width) {
      for lane in inputs.indices { inputs[lane] = T(low + (high - low) * Double(i + lane) / Double(count)) }
      f(T.Vector.load(inputs)).store(&outputs)
      for lane in inputs.indices {
        let exact = reference(Double(inputs[lane]))
        let unit = Double(max(T(abs(exact)), T.leastNormalMagnitude).ulp)
        worst = max(worst, abs(Double(outputs[lane]) - exact) / unit)
      }
    }
    return worst
  }

  func testExponential() {
    XCTAssertLessThan(worst(Double.self, -700, 700, { .exp($0) }, Foundation.exp), 3)
    XCTAssertLessThan(worst(Float.self, -87, 88, { .exp($0) }, Foundation.exp), 3)
  }

  func testLogarithm() {
    XCTAssertLessThan(worst(Double.self, 1e-3, 3, { .log($0) }, Foundation.log), 3)
    XCTAssertLessThan(worst(Float.self, 1e-3, 3, { .log($0) }, Foundation.log), 3)
    XCTAssertLessThan(worst(Double.self, 1, 1e9, { .log($0) }, Foundation.log), 3)
  }

  func testHyperbolicTangent() {
    XCTAssertLessThanOrEqual(worst(Double.self, -4, 4, { .tanh($0) }, Foundation.tanh), 4)
    XCTAssertLessThanOrEqual(worst(Float.self, -4, 4, { .tanh($0) }, Foundation.tanh), 4)
  }

  func testErrorFunctionAndPowers() {
    XCTAssertLessThan(worst(Double.self, -4, 4, { .erf($0) }, Foundation.erf), 2)
    XCTAssertLessThan(worst(Float.self, -4, 4, { .erf($0) }, Foundation.erf), 2)
    XCTAssertLessThan(worst(Float.self, -0.01, 0.01, { .erf($0) }, Foundation.erf), 2)
    XCTAssertLessThan(worst(Float.self, -100, 100, { .erf($0) }, Foundation.erf), 2)
    let edges = SIMD16<Float>.erf(SIMD16([.infinity, -.infinity, .nan] + [Float](repeating: 0, count: 13)))
    XCTAssertEqual(edges[0], 1)
    XCTAssertEqual(edges[1], -1)
    XCTAssertTrue(edges[2].isNaN)
    XCTAssertEqual(edges[3], 0)
    XCTAssertLessThan(worst(Double.self, 0.01, 4, { .pow($0, -1.7) }, { Foundation.pow($0, -1.7) }), 2)
  }

  func testSigmoid() {
    func reference(_ x: Double) -> Double { 1 / (1 + Foundation.exp(-x)) }
    XCTAssertLessThan(worst(Double.self, -700, 700, { .sigmoid($0) }, reference), 5)
    XCTAssertLessThan(worst(Float.self, -80, 80, { .sigmoid($0) }, reference), 5)
  }

  func testEdges() {
    let values: [Double] = [.infinity, -.infinity, .nan, 0, -1, 1, 1000, -1000]
    let x = values.withUnsafeBufferPointer { SIMD8<Double>.load($0.baseAddress!) }
    let exp = SIMD8<Double>.exp(x)
    XCTAssertEqual(exp[0], .infinity)
    XCTAssertEqual(exp[1], 0)
    XCTAssertTrue(exp[2].isNaN)
    XCTAssertEqual(exp[6], .infinity)
    XCTAssertEqual(exp[7], 0)
    let log = SIMD8<Double>.log(x)
    XCTAssertEqual(log[0], .infinity)
    XCTAssertTrue(log[1].isNaN && log[2].isNaN && log[4].isNaN)
    XCTAssertEqual(log[3], -.infinity)
    XCTAssertEqual(log[5], 0)
    let tanh = SIMD8<Double>.tanh(x)
    XCTAssertEqual(tanh[0], 1)
    XCTAssertEqual(tanh[1], -1)
    XCTAssertTrue(tanh[2].isNaN)
    XCTAssertEqual(tanh[3], 0)
  }
}
