import Vocabulary
import XCTest

@testable import Adaptation

/// Whole methods by numbers alone, beside their machines and by hand.
final class ScalarMachineMethodTests: XCTestCase {
  private func machine(_ name: String, _ numbers: [String: Double] = [:]) throws -> ScalarMachine {
    try ScalarMachine(name, Attributes(name, numbers: numbers))
  }

  private func numbers(_ values: [String: Double]) -> Attributes { Attributes("step", numbers: values) }

  /// min(lr, (f - c + <d, theta>) / |d|^2) of the first step, where the averages are the first values.
  func testMoMoByItsFormula() throws {
    let momo = try machine("momo", ["lr": 2, "lower_bound": 0.5])
    let pass = try XCTUnwrap(try momo.prepare(numbers(["loss": 3, "gradient_norm2": 4, "factor": 0.5])))
    XCTAssertEqual([pass.memory, pass.weight, pass.scale], [0, 1, 1])
    let (rate, second) = try momo.conclude(numbers(["first": 7, "second": 6, "third": 4]))
    XCTAssertEqual(rate, (3 - 0.5 - 7 + 6) / 4)
    XCTAssertEqual([second.rate, second.scale], [(3 - 0.5 - 7 + 6) / 4, 1])
  }

  /// lambda = d lr / |g_0|, and d grows to 2 lambda <g, s> / |s|.
  func testDAdaptationByItsFormula() throws {
    let method = try machine("d_adaptation", ["d0": 0.5])
    let first = try XCTUnwrap(try method.prepare(numbers(["loss": 1, "gradient_norm2": 16])))
    XCTAssertEqual(first.rate, 0.5 / 4)
    XCTAssertEqual(try method.conclude(numbers(["second": 0.25])).rate, 0.5)
    _ = try method.prepare(numbers(["loss": 1, "gradient_norm2": 9]))
    _ = try method.conclude(numbers(["first": 8, "second": 4]))
    XCTAssertEqual(method.state[0].value, 2 * (0.125 * 8) / 2)
  }

  func testTheOrderOfAStep() throws {
    let prodigy = try machine("prodigy")
    let step = numbers(["loss": 1, "gradient_norm2": 1, "adaptive": 1, "beta1": 0.9, "beta2": 0.99])
    XCTAssertThrowsError(try prodigy.conclude(numbers([:])), "no step")
    XCTAssertThrowsError(try prodigy.begin(numbers(["loss": 1])), "prepared")
    XCTAssertThrowsError(try prodigy.prepare(numbers(["loss": 1, "beta": 1])), "no argument")
    XCTAssertThrowsError(try prodigy.prepare(numbers(["loss": .nan])), "finite")
    let before = prodigy.state.map(\.value)
    XCTAssertNotNil(try prodigy.prepare(step))
    XCTAssertThrowsError(try prodigy.prepare(step), "in progress")
    XCTAssertThrowsError(try prodigy.conclude(numbers(["fourth": 1])), "no argument")
    let twin = prodigy.clone()
    prodigy.abort()
    XCTAssertEqual(prodigy.state.map(\.value), before)
    XCTAssertEqual(twin.state.map(\.value), before)
    XCTAssertNotNil(try prodigy.prepare(step))
    XCTAssertNil(try prodigy.conclude(numbers([:])).rate)
    XCTAssertThrowsError(try machine("l4").prepare(numbers(["loss": 1])), "no whole method")
    XCTAssertThrowsError(try machine("l4").conclude(numbers([:])), "no whole method")
  }

  func testNothingToGoBy() throws {
    let method = try machine("d_adaptation")
    XCTAssertNil(try method.prepare(numbers(["loss": 1])))
    XCTAssertNotNil(try method.prepare(numbers(["loss": 1, "gradient_norm2": 4])), "the step was over")
  }

  func testFacts() throws {
    let free = try machine("schedule_free", ["beta": 0.75])
    XCTAssertEqual(try free.property("is_method"), 1)
    XCTAssertEqual(try free.property("averages_points"), 1)
    XCTAssertEqual(try free.property("interpolation"), 0.75)
    XCTAssertEqual(try machine("momo").property("averages_points"), 0)
    XCTAssertEqual(try machine("l4").property("is_method"), 0)
  }

  func testSPSNeedsALossAboveItsBound() throws {
    XCTAssertNoThrow(try machine("sps").check(loss: 0))
    XCTAssertThrowsError(try machine("sps").check(loss: -0.1)) { error in
      XCTAssertTrue("\(error)".contains("f_star=b"), "\(error)")
    }
    let max = try ScalarMachine("sps", Attributes("sps", ["mode": .text("max"), "f_star": .numbers([-2])]))
    XCTAssertNoThrow(try max.check(loss: -1))
    XCTAssertThrowsError(try max.check(loss: -3))
    XCTAssertEqual(try max.begin(numbers(["loss": -1, "slope": 4])), .take(1 / (2 + 1e-8)))
  }
}
