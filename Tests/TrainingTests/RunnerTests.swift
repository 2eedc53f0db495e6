import Adaptation
import Autodiff
import CVector
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class RunnerTests: XCTestCase {
  private let rows = 12
  private let batch = 4

  override func tearDown() { Recorder.abort() }

  /// Least squares on rows of data whose answer is known, recorded once.
  private struct Regression {
    let w: Tensor
    let b: Tensor
    let data: [Tensor]
    let program: Program

    init(_ dtype: DType, rows: Int, batch: Int) throws {
      var (x, y): ([Double], [Double]) = ([], [])
      for i in 0..<rows {
        let (a, b) = (Double(i % 5) / 2 - 1, Double(i % 3) - 1)
        x += [a, b]
        y.append(1.5 * a - 2 * b + 0.5)
      }
      data = [Tensor([rows, 2], x, dtype), Tensor([rows], y, dtype)]
      w = Tensor([2], [0, 0], dtype, requiresGrad: true)
      b = Tensor([], [0], dtype, requiresGrad: true)
      let inputs = [try! Tensor(zeros: [batch, 2], dtype: dtype), try! Tensor(zeros: [batch], dtype: dtype)]
      try Recorder.begin(inputs)
      let error = try apply("sub", [apply("add", [apply("matmul", [inputs[0], w]), b]), inputs[1]])
      program = try Recorder.end([apply("mean", [apply("square", [error])])])
    }

    /// The mean squared error of all rows, in plain arithmetic.
    var error: Double {
      let (x, y, w, b) = (data[0].values, data[1].values, w.values, b.values[0])
      return y.indices.reduce(0) { sum, i in
        let e = x[2 * i] * w[0] + x[2 * i + 1] * w[1] + b - y[i]
        return sum + e * e / Double(y.count)
      }
    }
  }

  private func indices(_ steps: Int) -> [Int64] {
    (0..<(steps * batch)).map { Int64(($0 * 7 + $0 / 5) % rows) }
  }

  private struct Outcome {
    var done = 0
    var losses: [Double]
    var rates: [Double]
    var failure: Error?
  }

  private func run(
    _ problem: Regression, _ optimizer: Optimizer?, _ indices: [Int64], seconds: Double = .infinity
  ) -> Outcome {
    let steps = indices.count / batch
    var outcome = Outcome(
      losses: [Double](repeating: -1, count: steps), rates: [Double](repeating: -1, count: 3 * steps))
    indices.withUnsafeBufferPointer { indices in
      let batches = Batches(
        data: problem.data, indices: indices.baseAddress!, steps: steps, batch: batch, seconds: seconds)
      do {
        try problem.program.run(
          optimizer, batches, done: &outcome.done, losses: &outcome.losses, rates: &outcome.rates)
      } catch { outcome.failure = error }
    }
    return outcome
  }

  func testAnOnlineRateIsRefused() throws {
    let problem = try Regression(.float64, rows: rows, batch: batch)
    let optimizer = try makeOptimizer(rate: "marthe")
    try optimizer.addGroup([problem.w, problem.b], names: ["w", "b"], Attributes("group"))
    let outcome = run(problem, optimizer, indices(1))
    XCTAssertEqual((outcome.failure as? Failure)?.kind, .type)
    XCTAssertEqual(outcome.done, 0)
  }

  func testEveryMethodReducesTheLoss() throws {
    for type in machines(for: "sgd") where !(type is any OnlineMachine.Type) {
      for dtype in [DType.float32, .float64] {
        let problem = try Regression(dtype, rows: rows, batch: batch)
        var arguments = ["steps_per_epoch": 3, "max_lr": 0.3]
        // DoG and DoWG begin with a small part of the way.
        if ["dog", "dowg"].contains(type.card.name) { arguments["initial"] = 0.01 }
        if type.card.name == "yellowfin" { arguments["slow_start"] = 10 }
        let optimizer = try makeOptimizer(rate: type.card.name, arguments)
        try optimizer.addGroup([problem.w, problem.b], names: ["w", "b"], Attributes("group"))
        let before = problem.error
        let outcome = run(problem, optimizer, indices(60))
        XCTAssertNil(outcome.failure)
        XCTAssertEqual(outcome.done, 60)
        XCTAssertLessThan(problem.error, 0.8 * before, "\(type.card.name) \(dtype.name)")
        XCTAssertEqual(optimizer.stepCount, 60)
      }
    }
  }

  /// The runner is the conversation, had without a caller.
  func testARunIsTheLoopByHand() throws {
    let indices = indices(9)
    for rate in ["constant", "l4", "tlr", "naive_tlr", "qlabgrad"] {
      let (problem, manual) = (
        try Regression(.float32, rows: rows, batch: batch), try Regression(.float32, rows: rows, batch: batch)
      )
      let arguments = ["steps_per_epoch": 6.0]
      let optimizer = try makeOptimizer("sgd", ["momentum": 0.5], rate: rate, arguments)
      let other = try makeOptimizer("sgd", ["momentum": 0.5], rate: rate, arguments)
      try optimizer.addGroup([problem.w, problem.b], names: ["w", "b"], Attributes("group"))
      try other.addGroup([manual.w, manual.b], names: ["w", "b"], Attributes("group"))
      let outcome = run(problem, optimizer, indices)
      for step in 0..<9 {
        manual.program.load(manual.data, rows: Array(indices[(step * batch)..<((step + 1) * batch)]))
        let loss = try manual.program.forward()
        try! manual.program.backward()
        var request = try other.begin(loss: loss, mayProbe: true)
        while request.kind != .done {
          let probed = try manual.program.forward(probe: true)
          if request.kind == .gradient { try! manual.program.backward() }
          request = try other.answer(loss: probed)
        }
        XCTAssertEqual(outcome.losses[step], loss, rate)
        XCTAssertEqual(
          Array(outcome.rates[(3 * step)..<(3 * step + 3)]), [request.rate, request.low, request.high], rate)
      }
      XCTAssertEqual(problem.w.bytes + problem.b.bytes, manual.w.bytes + manual.b.bytes, rate)
      XCTAssertEqual(optimizer.stateBytes, other.stateBytes, rate)
    }
  }

  /// A finite loss whose gradient overflows: no step, for the rates that ask for its norm and for those that do not.
  func testAGradientThatIsNotFiniteIsSkipped() throws {
    for rate in ["constant", "l4"] {
      let problem = try Regression(.float32, rows: rows, batch: batch)
      for i in 0..<(2 * rows) {
        problem.data[0].pointer.storeBytes(of: Float(3e38), toByteOffset: 4 * i, as: Float.self)
      }
      for i in 0..<rows {
        problem.data[1].pointer.storeBytes(of: Float(9), toByteOffset: 4 * i, as: Float.self)
      }
      let optimizer = try makeOptimizer(rate: rate)
      try optimizer.addGroup([problem.w, problem.b], names: ["w", "b"], Attributes("group"))
      let outcome = run(problem, optimizer, indices(2))
      XCTAssertEqual(outcome.done, 2)
      XCTAssertEqual(outcome.losses, [81, 81])
      XCTAssertEqual(optimizer.skippedSteps, 2)
      XCTAssertEqual(problem.w.values + problem.b.values, [0, 0, 0])
    }
  }

  func testWithoutAnOptimizerNothingMoves() throws {
    let problem = try Regression(.float64, rows: rows, batch: batch)
    let outcome = run(problem, nil, indices(3))
    XCTAssertEqual(outcome.done, 3)
    XCTAssertEqual(problem.w.values + problem.b.values, [0, 0, 0])
    XCTAssertNil(problem.w.grad)
    XCTAssertEqual(outcome.rates, [Double](repeating: -1, count: 9))
    let y = problem.data[1].values
    for (step, loss) in outcome.losses.enumerated() {
      let chosen = indices(3)[(step * batch)..<((step + 1) * batch)].map { y[Int($0)] }
      XCTAssertEqual(loss, dot(chosen, chosen) / Double(batch), accuracy: 1e-14)
    }
  }

  func testTimeIsUpAfterAWholeStep() throws {
    let problem = try Regression(.float64, rows: rows, batch: batch)
    let outcome = run(problem, nil, indices(5), seconds: 0)
    XCTAssertEqual(outcome.done, 1)
    XCTAssertEqual(Array(outcome.losses.dropFirst()), [-1, -1, -1, -1])
    XCTAssertEqual(run(problem, nil, indices(5), seconds: 60).done, 5)
  }

  func testRowsOutsideTheDataAreRefusedBeforeTheFirstStep() throws {
    let problem = try Regression(.float64, rows: rows, batch: batch)
    let outcome = run(problem, nil, [0, 1, 2, 3, 0, 1, 2, 12])
    XCTAssertEqual(outcome.done, 0)
    XCTAssertEqual(outcome.losses, [-1, -1])
    XCTAssertTrue("\(outcome.failure!)".contains("row 12"))
  }

  /// An error within a step counts the steps before it and leaves the optimizer ready for the next.
  func testAnErrorInTheMiddle() throws {
    let w = Tensor([2, 3], [0.1, 0, -0.1, 0, 0.2, 0], requiresGrad: true)
    let labels = try! Tensor(zeros: [4], dtype: .int64)
    let wrong: [Int64] = [0, 2, 1, 3]
    for (i, label) in wrong.enumerated() {
      labels.pointer.storeBytes(of: label, toByteOffset: 8 * i, as: Int64.self)
    }
    let data = [Tensor([4, 2], [1, 0, 0, 1, 1, 1, 0, 0]), labels]
    let inputs = [try! Tensor(zeros: [1, 2], dtype: .float64), try! Tensor(zeros: [1], dtype: .int64)]
    try Recorder.begin(inputs)
    let program = try Recorder.end([apply("cross_entropy", [apply("matmul", [inputs[0], w]), inputs[1]])])
    let optimizer = try makeOptimizer(rate: "qlabgrad")
    try optimizer.addGroup([w], names: ["w"], Attributes("group"))
    var done = 0
    var losses = [Double](repeating: -1, count: 4)
    var rates = [Double](repeating: -1, count: 12)
    func run(_ order: [Int64]) throws {
      try order.withUnsafeBufferPointer { order in
        let batches = Batches(
          data: data, indices: order.baseAddress!, steps: order.count, batch: 1, seconds: 60)
        try program.run(optimizer, batches, done: &done, losses: &losses, rates: &rates)
      }
    }
    expectFailure(.value, ["labels", "got 3"]) { try run([0, 1, 3, 2]) }
    XCTAssertEqual(done, 2)
    XCTAssertEqual(losses[3], -1)
    done = 0
    try run([2])
    XCTAssertEqual(done, 1)
  }
}
