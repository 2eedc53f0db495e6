import Autodiff
import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Training

/// f_t = sum h (x - c_t)^2 / 2, whose Hessian is diagonal: each coordinate is a recursion of its own.
final class EpisodeTests: XCTestCase {
  private let curvature = [1.0, 4.0, 0.5]
  private let start = [1.0, -2.0, 0.5]
  private let steps = 12
  private let rates = [0.1, 0.05, 0.2], momenta = [0.9, 0.4], decays = [0.03]

  /// Row t is c_t; the last one is the validation target.
  private var centers: [Double] { (0..<(3 * (steps + 1))).map { 0.3 * Double(($0 * 7) % 11) - 1.5 } }

  private func program(_ x: Tensor) throws -> Program {
    let c = Tensor([1, 3], [0, 0, 0])
    try Recorder.begin([c])
    let squares = try apply("square", [apply("sub", [x, c])])
    let sum = try apply("sum", [apply("mul", [squares, Tensor([1, 3], curvature)])])
    return try Recorder.end([apply("affine", [sum], ["scale": .numbers([0.5])])])
  }

  private func attributes(_ mode: String, _ extra: [String: Attributes.Value] = [:]) -> Attributes {
    let own: [String: Attributes.Value] = [
      "optimizer": .text("sgd"), "mode": .text(mode), "steps": .numbers([Double(steps)]),
      "learning_rates": .numbers(rates), "momentums": .numbers(momenta), "weight_decays": .numbers(decays),
    ]
    return Attributes("test", own.merging(extra) { $1 })
  }

  private func batches(_ rows: [Int], _ body: (Batches) throws -> Void) throws {
    let indices = rows.map(Int64.init)
    try indices.withUnsafeBufferPointer { indices in
      let data = Tensor([steps + 1, 3], centers)
      // No address is given for an empty list.
      guard let first = indices.baseAddress else { return }
      try body(Batches(data: [data], indices: first, steps: rows.count, batch: 1, seconds: 60))
    }
  }

  /// Steps that were taken again.
  private var taken = 0

  private func run(_ mode: String, _ extra: [String: Attributes.Value] = [:]) throws -> (
    Episode, Double, [Double]
  ) {
    let x = Tensor([1, 3], start, requiresGrad: true)
    let program = try program(x)
    let episode = try Episode([x], attributes(mode, extra))
    var done = 0
    var losses = [Double](repeating: 0, count: steps)
    try batches(Array(0..<steps)) { try episode.train(program, $0, done: &done, losses: &losses) }
    XCTAssertEqual(done, steps)
    done = 0
    try batches([steps]) { try episode.validate(program, $0, done: &done, losses: &losses) }
    let loss = try episode.collect()
    while let next = episode.stretch {
      done = 0
      let rows = Array(next.low..<next.high)
      try batches(next.replays ? rows : rows.reversed()) {
        if next.replays {
          try episode.replay(program, $0, done: &done, losses: &losses)
        } else {
          try episode.retreat(program, $0, done: &done, losses: &losses)
        }
      }
      taken += next.replays ? done : 0
    }
    return (episode, loss, x.values)
  }

  /// Equation 4 of FDS, C before Z, coordinate by coordinate: rates, momenta, decay.
  private func byHand() -> (hypergradients: [Double], x: [Double]) {
    var totals = [Double](repeating: 0, count: 6)
    var end: [Double] = []
    for k in 0..<3 {
      let h = curvature[k]
      var (x, v) = (start[k], 0.0)
      var z = [Double](repeating: 0, count: 6), c = z
      for t in 0..<steps {
        let (a, b) = (3 * t / steps, 2 * t / steps)
        let (alpha, beta, xi) = (rates[a], momenta[b], decays[0])
        let old = (x: x, v: v)
        v = beta * v + h * (x - centers[3 * t + k]) + xi * x
        for j in 0..<6 {
          c[j] = beta * c[j] + (h + xi) * z[j]
          if j == 3 + b { c[j] += old.v }
          if j == 5 { c[j] += old.x }
          z[j] -= alpha * c[j]
          if j == a { z[j] -= v }
        }
        x -= alpha * v
      }
      for j in 0..<6 { totals[j] += h * (x - centers[3 * steps + k]) * z[j] }
      end.append(x)
    }
    return (totals, end)
  }

  func testRecursionOnAQuadratic() throws {
    let exact = byHand()
    for mode in ["forward", "reverse"] {
      let (episode, loss, x) = try run(mode)
      var expected = 0.0
      for k in 0..<3 {
        XCTAssertEqual(x[k], exact.x[k], accuracy: 1e-13)
        expected += 0.5 * curvature[k] * (x[k] - centers[3 * steps + k]) * (x[k] - centers[3 * steps + k])
      }
      XCTAssertEqual(loss, expected, accuracy: 1e-13)
      for (found, exact) in zip(episode.hypergradients, exact.hypergradients) {
        XCTAssertEqual(found, exact, accuracy: 1e-12 * max(1, abs(exact)), mode)
      }
    }
  }

  /// Three numbers of a parameter and of its momentum.
  private let point = 48.0

  func testReplayedStepsChangeNoBit() throws {
    let (whole, loss, x) = try run("reverse")
    XCTAssertEqual(taken, 0)
    for snapshots in 3...12 {
      taken = 0
      let (found, again, end) = try run("reverse", ["memory": .numbers([Double(snapshots) * point])])
      XCTAssertEqual(found.hypergradients, whole.hypergradients)
      XCTAssertEqual(again, loss)
      XCTAssertEqual(end, x)
      XCTAssertEqual(taken, ReplayPlan(snapshots: snapshots).replays(steps))
      XCTAssertEqual(found.replays, taken)
    }
    expectFailure(.value, ["memory: got 143 bytes", "at least 144", "3 snapshots of 48 bytes"]) {
      try run("reverse", ["memory": .numbers([143])])
    }
  }

  func testABatchThatIsAnotherTheSecondTime() throws {
    let x = Tensor([1, 3], start, requiresGrad: true)
    let program = try program(x)
    let episode = try Episode([x], attributes("reverse", ["memory": .numbers([3 * point])]))
    var done = 0
    var losses = [Double](repeating: 0, count: steps)
    try batches(Array(0..<steps)) { try episode.train(program, $0, done: &done, losses: &losses) }
    done = 0
    try batches([steps]) { try episode.validate(program, $0, done: &done, losses: &losses) }
    _ = try episode.collect()
    let next = try XCTUnwrap(episode.stretch)
    XCTAssertTrue(next.replays)
    expectFailure(.value, ["there are steps to take again first"]) {
      try batches([11]) { try episode.retreat(program, $0, done: &done, losses: &losses) }
    }
    done = 0
    expectFailure(.value, ["the loss of step \(next.low + 1) was", "the same each time"]) {
      try batches([next.low, next.low + 2]) {
        try episode.replay(program, $0, done: &done, losses: &losses)
      }
    }
    XCTAssertEqual(done, 1)
  }

  func testTilesAndColumns() throws {
    let (whole, _, _) = try run("forward")
    let (tiled, _, _) = try run("forward", ["tile": .numbers([2])])
    let (some, _, _) = try run("forward", ["columns": .numbers([1, 4])])
    let (back, _, _) = try run("reverse", ["columns": .numbers([1, 4])])
    for j in 0..<6 {
      XCTAssertEqual(whole.hypergradients[j], tiled.hypergradients[j], accuracy: 1e-13)
      for found in [some, back] {
        XCTAssertEqual(
          found.hypergradients[j], [1, 4].contains(j) ? whole.hypergradients[j] : 0, accuracy: 1e-13)
      }
    }
  }

  func testPlainTrainingEndsInTheSamePlace() throws {
    let (plain, loss, x) = try run("plain")
    let (_, expected, end) = try run("forward")
    XCTAssertEqual(loss, expected)
    XCTAssertEqual(x, end)
    XCTAssertEqual(plain.hypergradients, [Double](repeating: 0, count: 6))
  }

  func testOutOfOrder() throws {
    let x = Tensor([1, 3], start, requiresGrad: true)
    let program = try program(x)
    var done = 0
    var losses = [Double](repeating: 0, count: steps + 1)
    let forward = try Episode([x], attributes("forward"))
    expectFailure(.value, ["no validation batch"]) { try forward.collect() }
    expectFailure(.value, ["0 steps to go back over"]) {
      try batches([0]) { try forward.retreat(program, $0, done: &done, losses: &losses) }
    }
    expectFailure(.value, ["12 steps", "13 more"]) {
      try batches(Array(0...steps)) { try forward.train(program, $0, done: &done, losses: &losses) }
    }
    let reverse = try Episode([x], attributes("reverse"))
    try batches([0, 1]) { try reverse.train(program, $0, done: &done, losses: &losses) }
    done = 0
    try batches([steps]) { try reverse.validate(program, $0, done: &done, losses: &losses) }
    _ = try reverse.collect()
    expectFailure(.value, ["on its way back"]) {
      try batches([2]) { try reverse.train(program, $0, done: &done, losses: &losses) }
    }
    expectFailure(.value, ["2 steps to go back over"]) {
      try batches([2, 1, 0]) { try reverse.retreat(program, $0, done: &done, losses: &losses) }
    }
  }

  func testArgumentsThatDoNotFit() throws {
    let x = Tensor([1, 3], start, requiresGrad: true)
    let cases: [(String, Attributes.Value, String)] = [
      ("optimizer", .text("newton"), "sgd, nesterov, ema, adam, adamw"),
      ("mode", .text("back"), "forward, reverse, plain, auto"),
      ("horizon", .numbers([13]), "horizon must be between 1 and 12"),
      ("memory", .numbers([.nan]), "memory: got nan"),
      ("scalars", .numbers([2]), "got [2] for 0 values"),
      ("steps", .numbers([0]), "at least 1"),
      ("tile", .numbers([0]), "between 1 and 256"),
      ("learning_rates", .numbers([]), "at least one value"),
      ("momentums", .numbers([.infinity]), "momentums: got inf"),
      ("beta2s", .numbers([0.9]), "sgd has no beta2s"),
      ("weight_decays", .numbers([Double](repeating: 0, count: 13)), "13 values do not fit into 12 steps"),
      ("columns", .numbers([6]), "from 0 to 5"),
      ("clip_gradient", .numbers([-1]), "clip_gradient: got -1.0"),
    ]
    for (key, value, part) in cases {
      expectFailure(.value, [part]) { try Episode([x], attributes("forward", [key: value])) }
    }
    expectFailure(.value, ["reverse mode has none"]) {
      try Episode([x], attributes("reverse", ["clip_hvp": .numbers([1])]))
    }
    for layers in [[1.0], [0, 0], []] {
      expectFailure(.value, ["layers"]) {
        try Episode([x], attributes("forward", ["layers": .numbers(layers)]))
      }
    }
    let curved = try Episode([x], attributes("forward", ["curvature": .text("gauss_newton")]))
    var (done, losses) = (0, [0.0])
    try batches([0]) { batches in
      let program = try program(x)
      expectFailure(.value, ["gauss_newton", "outputs of the model"]) {
        try curved.train(program, batches, done: &done, losses: &losses)
      }
    }
    expectFailure(.value, ["parameters[1] is given twice"]) { try Episode([x, x], attributes("forward")) }
    expectFailure(.value, ["no parameters"]) { try Episode([], attributes("forward")) }
    expectFailure(.memory, ["does not fit"]) {
      let many = [Double](repeating: 0.1, count: 1 << 20)
      let wide = Tensor([1 << 18], [Double](repeating: 0, count: 1 << 18), requiresGrad: true)
      return try Episode(
        [wide], attributes("forward", ["steps": .numbers([1_048_576]), "learning_rates": .numbers(many)]))
    }
  }
}
