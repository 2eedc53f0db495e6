import Adaptation
import Autodiff
import Kernels
import TestSupport
import XCTest

@testable import Training

final class OptimizerPropertiesTests: XCTestCase {
  func testProperties() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, rate: "tlr", ["per": 1, "steps_per_epoch": 30])
    try problem.step(optimizer)
    _ = try optimizer.begin(loss: .nan, mayProbe: true)
    let wanted: [String: Double] = [
      "step": 1, "skipped_steps": 1, "max_skipped": 20, "steps_per_epoch": 30, "scope": 1, "probes": 0,
    ]
    for (key, value) in wanted { XCTAssertEqual(try optimizer.property(key), value, key) }
    try optimizer.setProperty("max_skipped", 3)
    XCTAssertEqual(try optimizer.property("max_skipped"), 3)
    for (key, value) in [
      ("max_skipped", 0.0), ("max_skipped", 1.5), ("max_skipped", 1e300), ("max_skipped", .nan),
    ] {
      expectFailure(.value, [key]) { try optimizer.setProperty(key, value) }
    }
    expectFailure(.value, ["steps_per_epoch"]) { try optimizer.setProperty("steps_per_epoch", .infinity) }
    expectFailure(.value, ["'colour'"]) { try optimizer.property("colour") }
    expectFailure(.value, ["'step'"]) { try optimizer.setProperty("step", 1) }
    expectFailure(.type, ["TLR", "found"]) { try optimizer.setProperty("found", 1) }
    XCTAssertTrue(try optimizer.property("found").isNaN)
    XCTAssertEqual(try makeOptimizer(rate: "qlabgrad").property("probes"), 1)
  }
}
