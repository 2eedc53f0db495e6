import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Optimization

final class RunDirectionTests: XCTestCase {
  func testDerivativesOfWholeRuns() throws {
    for name in RunDirection.names { RunDerivatives(try RunDirection(name)).check() }
  }

  /// Numbers and duals are the same constants.
  func testDualsHaveTheValuesOfNumbers() throws {
    for name in RunDirection.names {
      let rule = try RunDirection(name)
      let run = RunDerivatives(rule)
      for t in [1, 2, 7] {
        let now = run.inForce(run.values, t)
        let plain = rule.hyper(now, t)
        for family in run.families {
          let dual = Hyper<Double>(rule.constants(now, t, by: family).hyper) { $0.value }
          XCTAssertEqual("\(dual)", "\(plain)", "\(name) \(t)")
        }
      }
    }
  }

  func testFamiliesOfTheCards() throws {
    for kind in DirectionCatalogue.directions {
      let families = kind.card.arguments.compactMap(\.family)
      XCTAssertEqual(Set(families).count, families.count, "\(kind.card.name): one argument a family")
      XCTAssertFalse(families.contains(.learningRate), "the rate is no argument of a rule")
    }
    XCTAssertEqual(
      Hyperparameter.allCases.map(\.key),
      ["learning_rates", "momentums", "weight_decays", "beta2s", "epsilons"])
  }

  func testNames() throws {
    let plain = DirectionCatalogue.directions.map { $0.card.name }
    XCTAssertEqual(Set(RunDirection.names), Set(plain + ["nesterov"]))
    XCTAssertEqual(Array(RunDirection.names.prefix(2)), ["sgd", "nesterov"])
    XCTAssertThrowsError(try RunDirection("newton")) { error in
      XCTAssertTrue("\(error)".contains("optimizer: got 'newton'; allowed: sgd, nesterov, "), "\(error)")
    }
  }

  /// What runs do not give keeps the card's default, and the momentum that they may ask for later has its vector.
  func testWhatIsNotGiven() throws {
    let adam = try RunDirection("adam")
    let hyper = adam.hyper(adam.values, 3)
    XCTAssertEqual([hyper.beta1, hyper.beta2, hyper.epsilon, hyper.decay], [0.9, 0.999, 1e-8, 0])
    let decoupled = try RunDirection("adamw")
    XCTAssertEqual(decoupled.hyper(decoupled.values, 1).decoupledDecay, 0.01)
    XCTAssertEqual(try RunDirection("sgd").slots, 1)
    XCTAssertEqual(try RunDirection("rmsprop").slots, 2)
    XCTAssertTrue(try RunDirection("nesterov").kernels(.float32).rule == NesterovRule.self)
  }
}
