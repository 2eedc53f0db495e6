import Adaptation
import Autodiff
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class OptimizerGuardTests: XCTestCase {
  /// Parameters, buffers and state are what they were before the step that led to the bad loss, to the bit.
  func testUndoesAStepOfEveryRate() throws {
    for type in RateCatalogue.machines {
      let problem = Quadratic()
      let buffer = Tensor([2], [1, 2])
      let direction = (type as? any WholeMachine.Type)?.directions.last ?? "adam"
      let optimizer = try makeOptimizer(
        for: problem, direction, rate: type.card.name, ["min_lr": 1e-3, "max_lr": 1e-2, "steps_per_epoch": 4])
      try optimizer.setGuard(.rollBack, explode: 50, buffers: [buffer])
      for _ in 0..<5 { try problem.step(optimizer) }
      let before = (problem.bytes, trained(optimizer), buffer.bytes)
      try problem.step(optimizer)
      for tensor in problem.tensors {
        tensor.storage.copyContents(from: Tensor([3], [1e3, 1e3, 1e3]).storage)
      }
      buffer.pointer.storeBytes(of: .nan, as: Double.self)
      let request = try problem.step(optimizer)
      XCTAssertTrue(request.skipped, type.card.name)
      XCTAssertEqual(problem.bytes, before.0, type.card.name)
      XCTAssertEqual(trained(optimizer), before.1, type.card.name)
      XCTAssertEqual(buffer.bytes, before.2, type.card.name)
      XCTAssertEqual(try optimizer.property("rollbacks"), 1)
      XCTAssertEqual(try optimizer.property("rate_scale"), 0.5)
    }
  }

  private func trained(_ optimizer: Optimizer) -> [String: [UInt8]] {
    optimizer.stateBytes.filter { $0.key != "guard" }
  }

  func testABatchThatIsNotFiniteIsSkippedAndASecondUndoes() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem)
    try optimizer.setGuard(.rollBack, explode: 10, buffers: [])
    let first = problem.bytes
    try problem.step(optimizer)
    let second = problem.bytes
    problem.fillGradients()
    XCTAssertTrue(try optimizer.begin(loss: .nan, mayProbe: true).skipped)
    XCTAssertEqual(problem.bytes, second)
    XCTAssertTrue(try optimizer.begin(loss: .nan, mayProbe: true).skipped)
    XCTAssertEqual(problem.bytes, first)
    XCTAssertEqual(optimizer.stepCount, 0)
    XCTAssertEqual(optimizer.skippedSteps, 2)
    // nothing is left to be undone: skipped until that is too often
    optimizer.maxSkipped = 3
    for _ in 0..<2 { _ = try optimizer.begin(loss: .nan, mayProbe: true) }
    expectFailure(.diverged, ["3 steps in a row"], step: 0) {
      try optimizer.begin(loss: .nan, mayProbe: true)
    }
    XCTAssertEqual(problem.bytes, first)
  }

  func testDetectionNamesTheStepThatCannotBeTaken() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem)
    try optimizer.setGuard(.detect, explode: 10, buffers: [])
    for _ in 0..<3 { try problem.step(optimizer) }
    let before = problem.bytes
    expectFailure(.diverged, ["exploded"], step: 3) { try optimizer.begin(loss: 1e9, mayProbe: true) }
    XCTAssertEqual(problem.bytes, before)
  }

  /// What was kept belongs to the parameters there were.
  func testANewGroupForgetsWhatCouldBeUndone() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem)
    try optimizer.setGuard(.rollBack, explode: 10, buffers: [])
    try problem.step(optimizer)
    let extra = Tensor([1], [1], requiresGrad: true)
    try optimizer.addGroup([extra], names: ["c"], Attributes("group"))
    let before = problem.bytes
    problem.fillGradients()
    XCTAssertFalse(try optimizer.begin(loss: 1e9, mayProbe: true).skipped)
    XCTAssertNotEqual(problem.bytes, before)
  }

  func testOffForgetsAndRefusesBadLimits() throws {
    let optimizer = try makeOptimizer(for: Quadratic())
    try optimizer.setGuard(.detect, explode: 10, buffers: [])
    XCTAssertEqual(try optimizer.property("guard"), 1)
    expectFailure(.value, ["explode"]) { try optimizer.setGuard(.rollBack, explode: 1, buffers: []) }
    XCTAssertEqual(try optimizer.property("guard"), 1)
    try optimizer.setGuard(.off, explode: 10, buffers: [])
    XCTAssertEqual(try optimizer.property("guard"), 0)
    XCTAssertNil(try! optimizer.state.first { $0.name == "guard" })
  }
}
