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
    XCTAssertLessThan(worst(Double.self, -708, 709.7, { .exp($0) }, Foundation.exp), 2)
    XCTAssertLessThan(worst(Double.self, -1, 1, { .exp($0) }, Foundation.exp), 2)
    XCTAssertLessThan(worst(Float.self, -87.33, 88.722, { .exp($0) }, Foundation.exp), 2)
    XCTAssertLessThan(worst(Float.self, -1, 1, { .exp($0) }, Foundation.exp), 2)
    // Below the normal range, down to 0, in units of the smallest normal number.
    XCTAssertLessThan(worst(Double.self, -745.5, -707, { .exp($0) }, Foundation.exp), 2)
    XCTAssertLessThan(worst(Float.self, -105, -86, { .exp($0) }, Foundation.exp), 2)
  }

  func testLogarithm() {
    XCTAssertLessThan(worst(Double.self, 1e-3, 3, { .log($0) }, Foundation.log), 2)
    XCTAssertLessThan(worst(Float.self, 1e-3, 3, { .log($0) }, Foundation.log), 2)
    XCTAssertLessThan(worst(Float.self, 0.5, 2, { .log($0) }, Foundation.log), 2)
    XCTAssertLessThan(worst(Double.self, 1, 1e9, { .log($0) }, Foundation.log), 2)
    XCTAssertLessThan(worst(Float.self, 1, 3e38, { .log($0) }, Foundation.log), 2)
    XCTAssertLessThan(worst(Float.self, 1.2e-38, 1e-30, { .log($0) }, Foundation.log), 2)
    XCTAssertLessThan(worst(Float.self, 1.4e-45, 1.2e-38, { .log($0) }, Foundation.log), 2)
    XCTAssertLessThan(worst(Double.self, 5e-324, 2.3e-308, { .log($0) }, Foundation.log), 2)
  }

  func testHyperbolicTangent() {
    for most in [20, 10, 4, 1, 0.25, 1e-3, 1e-30] {
      XCTAssertLessThanOrEqual(worst(Double.self, -most, most, { .tanh($0) }, Foundation.tanh), 3, "\(most)")
      XCTAssertLessThan(worst(Float.self, -most, most, { .tanh($0) }, Foundation.tanh), 2, "\(most)")
    }
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
    XCTAssertLessThan(worst(Double.self, -700, 700, { .sigmoid($0) }, reference), 3)
    for most in [85, 5, 1.0] {
      XCTAssertLessThan(worst(Float.self, -most, most, { .sigmoid($0) }, reference), 2, "\(most)")
    }
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
    // Payloads of NaN must not reach the exponent, nor the last number before infinity become it.
    let payload = Float(bitPattern: 0x7fc0_0001)
    let last: [Float] = [
      88.72283, 88.722845, -87.33654, -87.4, payload, -.infinity, -0.0, .greatestFiniteMagnitude,
    ]
    let single = SIMD16<Float>(last + last)
    let e = SIMD16<Float>.exp(single)
    XCTAssertTrue(e[0].isFinite && e[0] > 3.4e38)
    XCTAssertEqual([e[1], e[5], e[6], e[7]], [.infinity, 0, 1, .infinity])
    XCTAssertTrue(e[2].isNormal && e[4].isNaN)
    XCTAssertEqual(e[3], Float(Foundation.exp(Double(last[3]))), accuracy: .leastNonzeroMagnitude)
    let t = SIMD16<Float>.tanh(single)
    XCTAssertTrue(t[4].isNaN && t[6].sign == .minus)
    XCTAssertEqual([t[0], t[2], t[5], t[7]], [1, -1, -1, 1])
    let s = SIMD16<Float>.sigmoid(single)
    XCTAssertTrue(s[4].isNaN)
    XCTAssertEqual([s[0], s[5], s[6], s[7]], [1, 0, 0.5, 1])
    let l = SIMD16<Float>.log(single)
    XCTAssertTrue(l[4].isNaN && l[2].isNaN && l[5].isNaN)
    XCTAssertEqual(l[6], -.infinity)
    XCTAssertEqual(l[7], 88.72284, accuracy: 1e-5)
  }
}
