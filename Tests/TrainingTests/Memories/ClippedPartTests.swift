import Adaptation
import Autodiff
import Kernels
import TestSupport
import XCTest

@testable import Training

final class ClippedPartTests: XCTestCase {
  /// One step from the same point, with the gradient clipped to each norm; along the gradient no rate that compares
  /// losses goes farther or less far for it.
  func testClippingByNormLeavesTheStepAlongAGradient() throws {
    for rate in ["l4", "qlabgrad", "lqa", "sls", "newton", "momo"] {
      let wanted = try length(rate, [:])
      XCTAssertGreaterThan(wanted, 0)
      for norm in [3, 0.5, 0.01] {
        XCTAssertEqual(
          try length(rate, ["clip_norm": norm]), wanted, accuracy: 1e-8 * wanted, "\(rate) \(norm)")
      }
    }
  }

  private func length(_ rate: String, _ arguments: [String: Double]) throws -> Double {
    let problem = Quadratic()
    // the cap would hide what MoMo's formula says
    let optimizer = try makeOptimizer(
      for: problem, "sgd", arguments, rate: rate, rate == "momo" ? ["lr": 1e6] : [:])
    let before = Array(problem.values.joined())
    try problem.step(optimizer)
    let way = zip(problem.values.joined(), before).map(-)
    return dot(way, way).squareRoot()
  }

  /// y = g - g' of the loss, whatever is followed.
  func testBarzilaiBorweinSeesTheCurvatureOfTheLoss() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(
      for: problem, "sgd", ["clip_norm": 0.5], rate: "barzilai_borwein")
    let h = Array(problem.curvatures.joined())
    for step in 0..<5 {
      let before = Array(problem.values.joined())
      let rate = try problem.step(optimizer).rate
      let s = zip(problem.values.joined(), before).map(-)
      if step > 0 {
        let y = zip(h, last).map(*)
        XCTAssertEqual(rate, dot(last, last) / dot(last, y), accuracy: 1e-9 * rate)
      }
      last = s
    }
  }
  private var last: [Double] = []

  func testWhatWasClippedOffIsSavedAndCalledOff() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "ema", ["clip_value": 1], rate: "l4")
    XCTAssertFalse(try optimizer.state.contains { $0.name.hasSuffix("clipped_part") })
    try problem.step(optimizer)
    let saved = Dictionary(uniqueKeysWithValues: try optimizer.state)
    // beta = 0.9: a tenth of what the limit of 1 leaves over
    for (name, h, x) in [("a", [1.0, 4, 10], [1.0, -2, 0.5]), ("b", [2.0, 0.5], [-1.5, 3])] {
      let g = zip(h, x).map(*)
      let wanted = g.map { 0.1 * ($0 - max(min($0, 1), -1)) }
      for (got, wanted) in zip(saved["\(name).clipped_part"]!.values, wanted) {
        XCTAssertEqual(got, wanted, accuracy: 1e-15)
      }
    }
  }
}
