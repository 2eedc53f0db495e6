import Vocabulary
import XCTest

@testable import Adaptation

/// The adapter that docs/adding-an-adapter.md adds, compiled here word for word with the page's own test.
final class AddedRateTests: XCTestCase {
  func testItIsNotTaken() {
    XCTAssertFalse(RateCatalogue.machines.contains { $0.card.name == BoldDriver.card.name })
  }

  func testGrowsWhileTheLossFallsAndShrinksWhenItRises() throws {
    let arguments = Attributes("BoldDriver", numbers: ["initial": 1])
    var machine = try BoldDriver(BoldDriver.card.read(arguments), limits: RateLimits())
    XCTAssertEqual(machine.decide(StepView(loss: 3)), .take(1))
    XCTAssertEqual(machine.decide(StepView(loss: 2)), .take(1.1))
    XCTAssertEqual(machine.decide(StepView(loss: 4)), .take(1.1 * 0.9))
  }

  /// What the tests that run over the catalogue ask of every machine: its bounds, its limits, and its state.
  func testItIsAMachineAsOthersAre() throws {
    for argument in BoldDriver.card.arguments {
      XCTAssertThrowsError(try BoldDriver.card.read(Attributes("BoldDriver", numbers: [argument.name: .nan])))
      {
        XCTAssertTrue("\($0)".contains(argument.name), "\($0)")
      }
    }
    let settings = try BoldDriver.card.read(Attributes("BoldDriver"))
    var machine = try BoldDriver(settings, limits: RateLimits(low: 0.002, high: 0.012))
    let losses = [3.0, 2, 1] + (1...25).map { 3 * Double($0) }
    for loss in losses {
      var other = try BoldDriver(settings, limits: RateLimits(low: 0.002, high: 0.012))
      other.restore(Dictionary(uniqueKeysWithValues: machine.state.map { ($0.name, $0.value) }))
      let decision = machine.decide(StepView(loss: loss))
      XCTAssertEqual(decision, other.decide(StepView(loss: loss)))
      guard case .take(let rate) = decision else { return XCTFail("\(decision)") }
      XCTAssertTrue(rate >= 0.002 && rate <= 0.012, "\(rate)")
    }
    XCTAssertEqual(machine.decide(StepView(loss: 100)), .take(0.002))
  }
}

/// The bold driver (Battiti 1989): the rate grows by a factor after a loss that fell and shrinks after one that rose.
///
/// Deviation: made for full batches; here a batch's loss is compared with the moving average of those before it.
public struct BoldDriver: RateMachine {
  public static let card = Card(
    "bold_driver", title: "BoldDriver",
    about: """
      Grows the rate while the loss falls and shrinks it when the loss rises.

          rate *= grow where the loss is at most its average, else shrink

      The average is over the losses before, with weights memory^k.
      """,
    paper: "Battiti 1989, Accelerated backpropagation learning: two optimization methods", cost: "nothing",
    arguments: [
      .init("initial", 0.01, .positive, "the first rate"),
      .init("grow", 1.1, .from(1, below: .infinity), "factor after a loss that fell"),
      .init("shrink", 0.9, .between(0, 1), "factor after a loss that rose"),
      .init("memory", 0.9, .from(0, below: 1), "of the average loss"),
    ])
  public static let needsLoss = true

  private let grow, shrink, memory: Double
  private let limits: RateLimits
  private var rate: Double
  /// NaN before the first step.
  private var average = Double.nan

  public init(_ settings: Settings, limits: RateLimits) throws {
    grow = settings["grow"]
    shrink = settings["shrink"]
    memory = settings["memory"]
    rate = limits.clamp(settings["initial"])
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    if !average.isNaN { rate = limits.clamp(rate * (step.loss > average ? shrink : grow)) }
    average = average.isNaN ? step.loss : memory * average + (1 - memory) * step.loss
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] { [("rate", rate), ("average_loss", average)] }
  public mutating func restore(_ state: [String: Double]) {
    rate = state["rate"] ?? rate
    average = state["average_loss"] ?? average
  }
}
