import Adaptation
import Autodiff
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class OptimizerSearchTests: XCTestCase {
  private func make(_ problem: Quadratic, _ direction: String = "adam") throws -> Optimizer {
    try makeOptimizer(for: problem, direction, rate: "auto", ["steps": 300, "search": 0.06])
  }

  /// After the search, parameters and the direction's state are those before the first step, to the bit.
  func testTheSearchLeavesNothingButTheRate() throws {
    for direction in ["sgd", "adam", "adamw", "rmsprop", "adagrad", "ema"] {
      let problem = Quadratic()
      let optimizer = try make(problem, direction)
      let (start, state) = (
        problem.bytes,
        optimizer.slots.map {
          $0.state.map { Tensor(shape: [3], dtype: .float64, storage: $0).bytes.prefix(16) }
        }
      )
      var moved = false
      var steps = 0
      while optimizer.isSearching {
        try problem.step(optimizer)
        moved = moved || problem.bytes != start
        steps += 1
        XCTAssertLessThanOrEqual(steps, 40, direction)
      }
      XCTAssertTrue(moved, direction)
      XCTAssertEqual(problem.bytes, start, direction)
      XCTAssertEqual(
        optimizer.slots.map {
          $0.state.map { Tensor(shape: [3], dtype: .float64, storage: $0).bytes.prefix(16) }
        }, state, direction)
      XCTAssertEqual(optimizer.slots.map(\.steps), [0, 0], direction)
      XCTAssertEqual(try optimizer.property("searched"), Double(steps))
      XCTAssertEqual(optimizer.stepCount, steps)
      let before = problem.loss
      for _ in 0..<(300 - steps) { try problem.step(optimizer) }
      // entries of these move by less and less, so that the cap on the rate binds
      let slow = ["rmsprop", "adagrad"].contains(direction)
      XCTAssertLessThan(problem.loss, (slow ? 0.6 : 0.1) * before, direction)
    }
  }

  /// A guard would undo steps that the search needs to see fail.
  func testAGuardLooksAwayUntilTheSearchIsOver() throws {
    let problem = Quadratic()
    let optimizer = try make(problem)
    try optimizer.setGuard(.rollBack, explode: 1.01, buffers: [])
    while optimizer.isSearching { XCTAssertFalse(try problem.step(optimizer).skipped) }
    XCTAssertEqual(try optimizer.property("rollbacks"), 0)
  }

  func testALossThatIsNotFiniteEndsItAndPutsEverythingBack() throws {
    let problem = Quadratic()
    let optimizer = try make(problem)
    let start = problem.bytes
    for _ in 0..<5 { try problem.step(optimizer) }
    problem.fillGradients()
    _ = try optimizer.begin(loss: .nan, mayProbe: true)
    XCTAssertFalse(optimizer.isSearching)
    XCTAssertEqual(problem.bytes, start)
    XCTAssertEqual(optimizer.skippedSteps, 0)
  }

  func testStateGoesOnInTheMiddleOfASearch() throws {
    let (problem, twin) = (Quadratic(), Quadratic())
    let (optimizer, other) = (try make(problem), try make(twin))
    for _ in 0..<7 { try problem.step(optimizer) }
    XCTAssertTrue(optimizer.isSearching)
    for (to, from) in zip(twin.tensors, problem.tensors) { to.storage.copyContents(from: from.storage) }
    try other.load(Dictionary(uniqueKeysWithValues: optimizer.state.map { ($0.name, $0.value) }))
    for step in 7..<120 {
      try problem.step(optimizer)
      try twin.step(other)
      XCTAssertEqual(twin.bytes, problem.bytes, "\(step)")
    }
    XCTAssertFalse(optimizer.isSearching)
    XCTAssertEqual(other.stateBytes, optimizer.stateBytes)
  }

  func testRunStepsAreChecked() throws {
    let optimizer = try make(Quadratic())
    for steps in [0, -1, 0.5, .nan, .infinity] {
      expectFailure(.value, ["run_steps"]) { try optimizer.setProperty("run_steps", steps) }
    }
    // rates that plan no run are not told
    try makeOptimizer(for: Quadratic()).setProperty("run_steps", 5)
  }
}
