import Adaptation
import Autodiff
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

  func testOtherDirectionsAreATypeError() throws {
    for direction in ["ema", "adam", "adamw", "rmsprop", "adagrad", "adadelta"] {
      expectFailure(.type, ["MARTHE", "SGD"]) { try makeOptimizer(direction, rate: "marthe") }
    }
    expectFailure(.value, ["per must be 'all'"]) { try makeOptimizer(rate: "marthe", ["scope": 2]) }
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
