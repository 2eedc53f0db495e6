import Adaptation
import Autodiff
import Optimization
import TestSupport
import Vocabulary
import XCTest

@testable import Training

/// The step that is differentiated by its rate, on quadratics where every derivative is a product.
final class OptimizerOnlineTests: XCTestCase {
  /// Plain descent with the training loss as validation: z <- mu (1 - rate h) z - g for every element.
  func testTangentsAndRates() throws {
    let problem = Quadratic()
    let (mu, meta) = (0.9, 1e-4)
    let optimizer = try makeOptimizer(
      for: problem, rate: "marthe", ["initial": 0.02, "meta_lr": meta, "mu": mu])
    let h = Array(problem.curvatures.joined())
    var (x, z, rate) = (Array(problem.values.joined()), [Double](repeating: 0, count: h.count), 0.02)
    for _ in 0..<20 {
      XCTAssertEqual(try problem.step(optimizer).rate, rate, accuracy: 1e-13)
      for i in h.indices {
        z[i] = mu * (1 - rate * h[i]) * z[i] - h[i] * x[i]
        x[i] -= rate * h[i] * x[i]
      }
      let delta = dot(zip(h, x).map(*), z)
      XCTAssertEqual(optimizer.hypergradient, delta, accuracy: 1e-10)
      rate = max(rate - meta * delta, 0)
    }
  }

  func testAnswersOutOfTurnAreRefused() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, rate: "marthe")
    let start = problem.bytes
    problem.fillGradients()
    XCTAssertEqual(try optimizer.begin(loss: problem.loss, mayProbe: true).kind, .curvature)
    expectFailure(.value, ["loss tensor"]) { try optimizer.answer(loss: 1) }
    XCTAssertEqual(try optimizer.answer(curvatureOf: problem.lossTensor()).kind, .validation)
    expectFailure(.value, ["validation loss"]) { try optimizer.answer(curvatureOf: problem.lossTensor()) }
    optimizer.abort()
    XCTAssertEqual(problem.bytes, start)
    XCTAssertEqual(optimizer.stepCount, 0)
  }

  /// With mu = 1 and a rate that stays, Delta is the derivative of the validation loss by the rate of the whole run.
  func testDeltaIsADerivativeAlongEveryDirection() throws {
    func run(_ name: String, _ arguments: [String: Double], _ rate: Double) throws -> (Double, Double) {
      let problem = Quadratic()
      let optimizer = try makeOptimizer(
        for: problem, name, arguments, rate: "marthe", ["initial": rate, "meta_lr": 0, "mu": 1])
      for _ in 0..<8 { try problem.step(optimizer) }
      return (optimizer.hypergradient, problem.loss)
    }
    let nesterov = ["momentum": 0.6, "nesterov": 1]
    let pairs = [
      ("sgd", ["momentum": 0.6, "dampening": 0.3]), ("sgd", nesterov), ("rmsprop", ["momentum": 0.6]),
    ]
    for (name, arguments) in pairs + DirectionCatalogue.directions.map({ ($0.card.name, [:]) }) {
      var given = arguments
      let card = try DirectionCatalogue.find(name).card
      if card.arguments.contains(where: { $0.name == "epsilon" }) { given["epsilon"] = 0.1 }
      let (step, rate) = (1e-6, 0.05)
      let (up, down) = (try run(name, given, rate + step).1, try run(name, given, rate - step).1)
      let difference = (up - down) / (2 * step)
      XCTAssertEqual(
        try run(name, given, rate).0, difference, accuracy: 1e-7 * max(1, abs(difference)), "\(name) \(given)"
      )
    }
  }

  /// Values of the momentum in pieces are those of the step, in its derivative too.
  func testMomentumInPieces() throws {
    func run(_ momentum: [String: Attributes.Value], _ rate: Double) throws -> (Double, Double) {
      let problem = Quadratic()
      let numbers = ["initial": rate, "meta_lr": 0, "mu": 1]
      let optimizer = try Optimizer(
        direction: "sgd", Attributes("sgd", momentum), rate: "marthe", Attributes("marthe", numbers: numbers))
      try optimizer.addGroup(problem.tensors, names: problem.names, Attributes("group"))
      for _ in 0..<8 { try problem.step(optimizer) }
      return (optimizer.hypergradient, problem.loss)
    }
    let pieces: [String: Attributes.Value] = [
      "momentum": .numbers([0, 0.8, -0.2]), "momentum.steps": .numbers([8]),
    ]
    let step = 1e-6
    let difference = try (run(pieces, 0.05 + step).1 - run(pieces, 0.05 - step).1) / (2 * step)
    XCTAssertEqual(try run(pieces, 0.05).0, difference, accuracy: 1e-7 * max(1, abs(difference)))
    let constant = try run(["momentum": .numbers([0.8])], 0.05).0
    XCTAssertNotEqual(try run(pieces, 0.05).0, constant, accuracy: 1e-3)
  }

  /// Two vectors of state, saved under the names of their own.
  func testStateOfTheTangents() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer(for: problem, "adam", rate: "marthe", ["initial": 0.02])
    for _ in 0..<3 { try problem.step(optimizer) }
    let names = Set(try! optimizer.state.map(\.name))
    for name in ["a.rate_tangent", "a.average_tangent", "b.square_average_tangent"] {
      XCTAssertTrue(names.contains(name), name)
    }
    let (copy, twin) = (Quadratic(), Quadratic())
    for (mine, theirs) in zip(copy.tensors, problem.tensors) {
      mine.storage.copyContents(from: theirs.storage)
    }
    let resumed = try makeOptimizer(for: copy, "adam", rate: "marthe", ["initial": 0.02])
    try resumed.load(Dictionary(uniqueKeysWithValues: try! optimizer.state.map { ($0.name, $0.value) }))
    for _ in 0..<3 {
      try problem.step(optimizer)
      try copy.step(resumed)
    }
    XCTAssertEqual(resumed.stateBytes, optimizer.stateBytes)
    XCTAssertEqual(copy.bytes, problem.bytes)
    XCTAssertNotEqual(copy.bytes, twin.bytes)
  }

  func testOneRateForAll() throws {
    expectFailure(.value, ["per must be 'all'"]) { try makeOptimizer(rate: "marthe", ["per": 2]) }
  }

  /// meta_lr grows while one Delta follows another of the same sign.
  func testTheRateOfTheRate() throws {
    let arguments = Attributes("MARTHE", numbers: ["initial": 1, "meta_lr": 0.1, "meta_meta_lr": 0.01])
    var machine = try MARTHE(MARTHE.card.read(arguments), limits: RateLimits())
    var view = StepView(loss: 1)
    XCTAssertEqual(machine.decide(view), .take(1))
    view.hypergradient = 2
    XCTAssertEqual(machine.decide(view), .take(1 - 0.1 * 2))
    view.hypergradient = 3
    XCTAssertEqual(machine.decide(view), .take(1 - 0.1 * 2 - (0.1 + 0.01 * 3 * 2) * 3))
    view.hypergradient = .infinity
    guard case .take(let kept) = machine.decide(view) else { return XCTFail("no rate") }
    XCTAssertEqual(kept, 1 - 0.1 * 2 - (0.1 + 0.01 * 3 * 2) * 3)
    XCTAssertTrue(machine.fellBack)
  }
}
