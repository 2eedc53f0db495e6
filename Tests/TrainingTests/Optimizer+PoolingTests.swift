import Adaptation
import Autodiff
import TestSupport
import XCTest

@testable import Training

final class OptimizerPoolingTests: XCTestCase {
  /// The first decisions have no noise measured, so both tensors take the machine of all's rate; then they part.
  func testRatesPartOnceTheirNoiseIsKnown() throws {
    let problem = Quadratic(), whole = Quadratic()
    let arguments = ["window_steps": 1.0, "initial": 0.01]
    let pooled = try makeOptimizer(for: problem, rate: "tlr", arguments.merging(["per": 3]) { $1 })
    let common = try makeOptimizer(for: whole, rate: "tlr", arguments)
    XCTAssertEqual(pooled.machines.count, 3)
    XCTAssertEqual(pooled.slots.map(pooled.machineIndex), [1, 2])
    try problem.step(pooled)
    try whole.step(common)
    XCTAssertEqual(problem.bytes, whole.bytes)
    // the first tensor goes on, the second turns around at every step
    for step in 0..<10 {
      problem.tensors[0].grad = Tensor([3], [1, 1, 1])
      problem.tensors[1].grad = Tensor([2], step % 2 == 0 ? [1, 1] : [-1, -1])
      _ = try pooled.begin(loss: 1, mayProbe: false)
    }
    XCTAssertGreaterThan(pooled.rates[0], pooled.rates[1])
    XCTAssertTrue(pooled.rates.allSatisfy { $0 > 0 && $0.isFinite })
  }

  /// The common rate stays: so do all.
  func testAllStayWithTheCommonRate() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, rate: "sps", ["per": 3, "steps_per_epoch": 5])
    let views = [StepView](repeating: StepView(loss: 1), count: 3)
    XCTAssertEqual(optimizer.pool(optimizer.slots, views, [1: 0.1, 2: 0.2]), [:])
    XCTAssertEqual(optimizer.pool(optimizer.slots, views, [0: -0.5, 1: 0.1, 2: 0.2]), [1: 0, 2: 0])
    XCTAssertEqual(optimizer.pool(optimizer.slots, views, [0: 0.5, 1: 0.1]), [1: 0.5, 2: 0.5])
  }
}
