import Adaptation
import Autodiff
import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class OptimizerStepTests: XCTestCase {
  /// Only parameters with a gradient move, and only they count their steps.
  func testParametersWithoutAGradientStay() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "adam", rate: "l4")
    try problem.step(optimizer)
    let before = problem.tensors[1].bytes
    problem.fillGradients()
    problem.tensors[1].grad = nil
    _ = try optimizer.begin(loss: problem.loss, mayProbe: false)
    XCTAssertEqual(problem.tensors[1].bytes, before)
    XCTAssertEqual(optimizer.slots.map(\.steps), [2, 1])
    try optimizer.zeroGrad()
    XCTAssertNil(problem.tensors[0].grad)
    expectFailure(.value, ["no parameter has a gradient"]) { try optimizer.begin(loss: 1, mayProbe: true) }
  }

  /// L4 on the plain gradient, from its formula alone.
  func testL4FollowsItsFormula() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, rate: "l4")
    var lowest = 0.75 * problem.loss
    for _ in 0..<5 {
      let (loss, g) = (problem.loss, Array(problem.gradients.joined()))
      lowest = min(lowest, loss)
      let wanted = 0.15 * (loss - 0.9 * lowest) / (dot(g, g) + 1e-12)
      lowest *= 1.001
      XCTAssertEqual(try problem.step(optimizer).rate, wanted, accuracy: 1e-14)
    }
  }

  func testLimitsHoldForEveryMethod() throws {
    for type in machines(for: "sgd") {
      let problem = Quadratic()
      let optimizer = try makeOptimizer(
        for: problem, rate: type.card.name, ["min_lr": 1e-3, "max_lr": 2e-3, "steps_per_epoch": 10])
      for _ in 0..<8 {
        let request = try problem.step(optimizer)
        XCTAssertGreaterThanOrEqual(request.low, 1e-3, type.card.name)
        XCTAssertLessThanOrEqual(request.high, 2e-3, type.card.name)
      }
    }
    expectFailure(.value, ["min_lr=2.0", "max_lr=1.0"]) {
      try makeOptimizer(rate: "tlr", ["min_lr": 2, "max_lr": 1])
    }
  }

  /// A rate per tensor is the same as an optimizer per tensor; a rate per group likewise.
  func testScopes() throws {
    for rate in ["tlr", "ntlr", "l4"] {
      let arguments = rate == "l4" ? [:] : ["window_steps": 2.0]
      let together = Quadratic()
      let alone = Quadratic()
      let grouped = Quadratic()
      let perTensor = try makeOptimizer(for: together, rate: rate, arguments.merging(["per": 2]) { $1 })
      let perGroup = try makeOptimizer(rate: rate, arguments.merging(["per": 1]) { $1 })
      var single: [Optimizer] = []
      for i in 0..<2 {
        let optimizer = try makeOptimizer(rate: rate, arguments)
        try optimizer.addGroup([alone.tensors[i]], names: ["x"], Attributes("group"))
        single.append(optimizer)
        try perGroup.addGroup([grouped.tensors[i]], names: [grouped.names[i]], Attributes("group"))
      }
      for _ in 0..<9 {
        let loss = together.loss
        together.fillGradients()
        alone.fillGradients()
        grouped.fillGradients()
        _ = try perTensor.begin(loss: loss, mayProbe: false)
        _ = try perGroup.begin(loss: loss, mayProbe: false)
        for optimizer in single { _ = try optimizer.begin(loss: loss, mayProbe: false) }
      }
      XCTAssertEqual(together.bytes, alone.bytes, rate)
      XCTAssertEqual(grouped.bytes, alone.bytes, rate)
      XCTAssertEqual(perTensor.rates, single.flatMap(\.rates), rate)
      if rate == "l4" { XCTAssertNotEqual(perTensor.rates[0], perTensor.rates[1]) }
    }
  }

  // MARK: - The conversation

  /// The parameters stand at theta - length d while the loss is asked for, and end at theta - rate d.
  func testProbesStandWhereTheyShould() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, rate: "qlabgrad", ["trial": 0.1, "find_trial": 0])
    let (x, g) = (problem.values, problem.gradients)
    problem.fillGradients()
    let start = problem.loss
    var request = try optimizer.begin(loss: start, mayProbe: true)
    XCTAssertEqual(request.kind, .loss)
    for (got, wanted) in zip(problem.values.joined(), zip(x.joined(), g.joined()).map { $0 - 0.1 * $1 }) {
      XCTAssertEqual(got, wanted, accuracy: 1e-15)
    }
    let probed = problem.loss
    request = try optimizer.answer(loss: probed)
    let slope = dot(Array(g.joined()), Array(g.joined()))
    let rate = slope * 0.1 * 0.1 / (2 * (probed - start + 0.1 * slope))
    XCTAssertEqual(request.kind, .done)
    XCTAssertEqual(request.rate, rate, accuracy: 1e-13)
    for (got, wanted) in zip(problem.values.joined(), zip(x.joined(), g.joined()).map { $0 - rate * $1 }) {
      XCTAssertEqual(got, wanted, accuracy: 1e-13)
    }
  }

  func testAbortPutsEverythingBack() throws {
    for rate in ["qlabgrad", "naive_tlr"] {
      for (direction, arguments) in [("sgd", ["momentum": 0.9]), ("adam", [:]), ("sgd", [:])] {
        for dtype in [DType.float32, .float64] {
          let (problem, twin) = (Quadratic(dtype), Quadratic(dtype))
          let optimizer = try makeOptimizer(for: problem, direction, arguments, rate: rate)
          let other = try makeOptimizer(for: twin, direction, arguments, rate: rate)
          for answers in 0..<3 {
            let (parameters, state) = (problem.bytes, optimizer.stateBytes)
            problem.fillGradients()
            var request = try optimizer.begin(loss: problem.loss, mayProbe: true)
            for _ in 0..<answers where request.kind != .done { request = try optimizer.answer(loss: 1e9) }
            if request.kind == .done { continue }
            XCTAssertNotEqual(problem.bytes, parameters)
            optimizer.abort()
            XCTAssertEqual(problem.bytes, parameters)
            XCTAssertEqual(optimizer.stateBytes, state)
            try problem.step(optimizer)
            try twin.step(other)
            XCTAssertEqual(problem.bytes, twin.bytes, "\(rate) \(direction)")
            XCTAssertEqual(optimizer.stateBytes, other.stateBytes, "\(rate) \(direction)")
          }
        }
      }
    }
  }

  func testTheConversationHasItsOrder() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, rate: "qlabgrad")
    optimizer.abort()
    expectFailure(.value, ["no step is in progress"]) { try optimizer.answer(loss: 1) }
    problem.fillGradients()
    expectFailure(.type, ["QLABGrad", "minimize(closure)"]) { try optimizer.begin(loss: 1, mayProbe: false) }
    _ = try optimizer.begin(loss: problem.loss, mayProbe: true)
    expectFailure(.value, ["already in progress"]) { try optimizer.begin(loss: 1, mayProbe: true) }
    optimizer.abort()
    try problem.step(optimizer)
    XCTAssertEqual(optimizer.stepCount, 1)
  }

  /// A loss that the method cannot use is refused before anything changes.
  func testARefusedLossChangesNothing() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "ema", rate: "l4", ["lower_bound": 5])
    try problem.step(optimizer)
    let (parameters, state) = (problem.bytes, optimizer.stateBytes)
    problem.fillGradients()
    expectFailure(.value, ["lower_bound=5.0", "got 4.0"]) { try optimizer.begin(loss: 4, mayProbe: true) }
    XCTAssertEqual(problem.bytes, parameters)
    XCTAssertEqual(optimizer.stateBytes, state)
  }

  // MARK: - Steps that are skipped

  func testStepsThatAreNotFiniteAreSkipped() throws {
    for rate in ["constant", "l4", "tlr", "qlabgrad"] {
      let problem = Quadratic()
      let optimizer = try makeOptimizer(for: problem, "adam", rate: rate, ["steps_per_epoch": 9])
      try problem.step(optimizer)
      let (parameters, steps) = (problem.bytes, optimizer.slots.map(\.steps))
      for (loss, bad) in [(Double.nan, 0.0), (.infinity, 0), (1, .nan), (1, -.infinity)] {
        problem.fillGradients()
        problem.tensors[1].grad!.pointer.storeBytes(of: bad, as: Double.self)
        let request = try optimizer.begin(loss: loss, mayProbe: true)
        XCTAssertTrue(request.skipped)
        XCTAssertEqual(request.kind, .done)
        XCTAssertEqual(problem.bytes, parameters)
      }
      XCTAssertEqual(optimizer.slots.map(\.steps), steps)
      XCTAssertEqual([optimizer.stepCount, optimizer.skippedSteps], [1, 4])
      XCTAssertFalse(try problem.step(optimizer).skipped)
    }
  }

  func testTheTwentiethSkippedStepInARowHasDiverged() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem)
    let parameters = problem.bytes
    problem.fillGradients()
    for _ in 0..<19 { XCTAssertTrue(try optimizer.begin(loss: .nan, mayProbe: true).skipped) }
    XCTAssertFalse(try problem.step(optimizer).skipped)
    XCTAssertNotEqual(problem.bytes, parameters)
    let moved = problem.bytes
    for _ in 0..<19 { XCTAssertTrue(try optimizer.begin(loss: .nan, mayProbe: true).skipped) }
    expectFailure(.diverged, ["20 steps in a row"], step: 1) {
      try optimizer.begin(loss: .nan, mayProbe: true)
    }
    XCTAssertEqual(problem.bytes, moved)
    XCTAssertEqual(optimizer.skippedSteps, 39)
    optimizer.maxSkipped = 1
    expectFailure(.diverged, [], step: 1) { try optimizer.begin(loss: .nan, mayProbe: true) }
  }
}
