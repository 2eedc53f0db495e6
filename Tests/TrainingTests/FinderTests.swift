import Adaptation
import Autodiff
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class FinderTests: XCTestCase {
  private func search(_ arguments: [String: Double] = [:]) throws -> SBFSearch {
    SBFSearch(try SBFSearch.card.read(Attributes("SBFSearch", numbers: arguments)))
  }

  private func finder(
    _ optimizer: Optimizer, _ search: SBFSearch, _ arguments: [String: Double] = ["window": 10]
  ) throws -> Finder {
    try Finder(optimizer, search, Attributes("find_lr", numbers: arguments))
  }

  /// The printed loop in plain arithmetic, on the quadratic with momentum.
  private struct Plain {
    let h: [Double], x: [Double]
    let momentum: Double, window: Int
    let accumulate: Bool
    var search: SBFSearch
    var update: [Double], v: [Double]
    var hasUpdate = false
    var restartedAt: Double
    var derivatives: [Double] = []

    mutating func observe() throws -> Double {
      let g = zip(h, zip(x, update).map(+)).map(*)
      let derivative = zip(g, update).reduce(0) { $0 + $1.0 * $1.1 }
      let counted = hasUpdate
      v = zip(v, g).map { momentum * $0 + $1 }
      update = zip(update, v).map { (accumulate ? $0 : 0) - search.value * $1 }
      hasUpdate = true
      if counted { derivatives.append(derivative) }
      if derivatives.count == window {
        let negative = derivatives.filter { $0 < 0 }.count
        let rises = Double(negative) >= 0.9 * Double(window) && derivatives.reduce(0, +) < 0
        derivatives = []
        try search.signal(rises ? 1 : -1)
        let moved = search.value / restartedAt
        if moved >= 2 || moved <= 0.5 { restartedAt = search.value }
        if accumulate || restartedAt == search.value {
          (update, v) = (x.map { _ in 0 }, x.map { _ in 0 })
          hasUpdate = false
        }
      }
      return counted ? derivative : .nan
    }
  }

  func testAgainstThePlainLoop() throws {
    for momentum in [0, 0.5] {
      for accumulate in [false, true] {
        let problem = Quadratic()
        let optimizer = try makeOptimizer(for: problem, "sgd", ["momentum": momentum])
        let finder = try finder(optimizer, search(), ["window": 4, "accumulate": accumulate ? 1 : 0])
        let x = Array(problem.values.joined())
        let zeros = x.map { _ in 0.0 }
        var plain = Plain(
          h: Array(problem.curvatures.joined()), x: x, momentum: momentum, window: 4, accumulate: accumulate,
          search: try search(), update: zeros, v: zeros,
          restartedAt: try search().value)
        let bytes = problem.bytes
        while !finder.isDone {
          XCTAssertEqual(finder.value, plain.search.value, accuracy: 1e-12)
          finder.displace()
          problem.fillGradients()
          let (got, wanted) = (try finder.observe(loss: problem.loss), try plain.observe())
          XCTAssertEqual(got.isNaN, wanted.isNaN)
          if !wanted.isNaN { XCTAssertEqual(got, wanted, accuracy: 1e-9 * max(1, abs(wanted))) }
          XCTAssertEqual(problem.bytes, bytes, "the parameters never move")
        }
        XCTAssertTrue(plain.search.isDone)
        XCTAssertEqual(finder.search.signals, plain.search.signals)
      }
    }
  }

  /// f = h x^2 / 2 with one curvature: a step of rate v goes too far from v = 1 / h on.
  func testFindsTheRateOfAQuadratic() throws {
    for h in [0.5, 4, 40] {
      for start in [0.01, 1] {
        let w = Tensor([3], [1, -2, 0.5], requiresGrad: true)
        let optimizer = try makeOptimizer()
        try optimizer.addGroup([w], names: ["w"], Attributes("group"))
        let finder = try finder(optimizer, search(["start": start]))
        while !finder.isDone {
          finder.displace()
          w.grad = Tensor([3], w.values.map { h * $0 })
          _ = try finder.observe(loss: 0.5 * h * dot(w.values, w.values))
        }
        XCTAssertEqual(finder.value * h, 1, accuracy: 0.35, "h \(h) from \(start)")
        XCTAssertEqual(w.values, [1, -2, 0.5])
      }
    }
  }

  /// A loss or a gradient that is not finite counts against the rate, and the directions start anew.
  func testWhatIsNotFiniteLowersTheRate() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "adam")
    let finder = try finder(optimizer, search(), ["window": 1])
    let bytes = problem.bytes
    for bad in [Double.nan, .infinity] {
      let before = finder.value
      finder.displace()
      problem.fillGradients()
      XCTAssertEqual(try finder.observe(loss: bad), .infinity)
      XCTAssertLessThan(finder.value, before)
      XCTAssertEqual(optimizer.slots.map(\.steps), [0, 0])
      XCTAssertEqual(problem.bytes, bytes)
    }
    let before = finder.value
    finder.displace()
    problem.fillGradients()
    problem.tensors[1].grad!.pointer.storeBytes(of: Double.nan, as: Double.self)
    XCTAssertEqual(try finder.observe(loss: 1), .infinity)
    XCTAssertLessThan(finder.value, before)
  }

  func testTheFirstDerivativeCountsOnDemand() throws {
    for count in [false, true] {
      let problem = Quadratic()
      let optimizer = try makeOptimizer(for: problem)
      let finder = try finder(optimizer, search(), ["window": 5, "count_first_zero": count ? 1 : 0])
      finder.displace()
      problem.fillGradients()
      let first = try finder.observe(loss: problem.loss)
      XCTAssertEqual(first.isNaN, !count)
      if count { XCTAssertEqual(first, 0) }
    }
  }

  func testARunOverARecordedProgram() throws {
    let w = Tensor([2], [0.25, -1], .float32, requiresGrad: true)
    let input = try! Tensor(zeros: [3], dtype: .float32)
    try Recorder.begin([input])
    let residual = try apply("sub", [apply("mul", [input, apply("sum", [w])]), input])
    let program = try Recorder.end([apply("mean", [apply("square", [residual])])])
    let optimizer = try makeOptimizer("adam")
    try optimizer.addGroup([w], names: ["w"], Attributes("group"))
    let data = [Tensor([5], [1, -1, 0.5, 2, 1.5], .float32)]
    let finder = try finder(optimizer, search(), ["window": 2])
    let bytes = w.bytes
    let steps = 400
    let indices = (0..<(3 * steps)).map { Int64($0 % 5) }
    var done = 0
    var gradients = [Double](repeating: -1, count: steps)
    var values = gradients
    try indices.withUnsafeBufferPointer { indices in
      let batches = Batches(data: data, indices: indices.baseAddress!, steps: steps, batch: 3, seconds: 60)
      try finder.run(program, batches, done: &done, gradients: &gradients, values: &values)
      XCTAssertEqual(w.bytes, bytes)
      XCTAssertTrue(finder.isDone)
      XCTAssertLessThan(done, steps)
      XCTAssertEqual(values[0], 1)
      XCTAssertTrue(gradients[0].isNaN)
      XCTAssertEqual(gradients[done], -1)
      done = 0
      try finder.run(program, batches, done: &done, gradients: &gradients, values: &values)
      XCTAssertEqual(done, 0, "a search that is done takes no more batches")
    }
    w.grad = Tensor([2], [1, 1], .float32)
    expectFailure(.value, ["done"]) { try finder.observe(loss: 1) }
    XCTAssertEqual(w.bytes, bytes)
  }

  /// Trials in plain arithmetic on the quadratic with momentum: losses at theta + A, A the sum of the steps.
  func testTrialsAgainstThePlainLoop() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "sgd", ["momentum": 0.5])
    let finder = try Finder(optimizer, search(), Attributes("find_lr", ["rule": .text("trials")]))
    let (h, x) = (Array(problem.curvatures.joined()), Array(problem.values.joined()))
    var plain = RateTrials(start: 1)
    var (at, v) = (x, x.map { _ in 0.0 })
    let bytes = problem.bytes
    // momentum's first direction is the gradient
    let norm2 = zip(h, x).reduce(0) { $0 + ($1.0 * $1.1) * ($1.0 * $1.1) }
    plain.see(gradient2: norm2, slope: norm2, direction2: norm2, entries: Double(x.count))
    while !finder.isDone {
      XCTAssertEqual(finder.value, plain.value, accuracy: 1e-12 * plain.value)
      finder.displace()
      problem.fillGradients()
      let expected = zip(h, at).reduce(0) { $0 + 0.5 * $1.0 * $1.1 * $1.1 }
      XCTAssertEqual(problem.loss, expected, accuracy: 1e-9 * max(1, abs(expected)))
      let loss = problem.loss
      _ = try finder.observe(loss: loss)
      XCTAssertEqual(problem.bytes, bytes, "the parameters never move")
      v = zip(v, zip(h, at).map(*)).map { 0.5 * $0 + $1 }
      at = zip(at, v).map { $0 - plain.value * $1 }
      if plain.observe(loss: loss) { (at, v) = (x, x.map { _ in 0 }) }
    }
    XCTAssertTrue(plain.isDone)
    XCTAssertEqual(finder.machine.trials!.found, plain.found, accuracy: 1e-9 * plain.found)
  }

  func testArgumentsAreChecked() throws {
    let optimizer = try makeOptimizer(for: Quadratic())
    expectFailure(.value, ["'window'"]) { try finder(optimizer, search(), [:]) }
    expectFailure(.value, ["window", "0"]) { try finder(optimizer, search(), ["window": 0]) }
    expectFailure(.value, ["'windows'"]) { try finder(optimizer, search(), ["windows": 1]) }
    expectFailure(.value, ["no parameters"]) { try finder(makeOptimizer(), search()) }
  }
}
