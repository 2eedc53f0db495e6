import Vocabulary
import XCTest

@testable import Adaptation

final class ScalarMachineTests: XCTestCase {
  private func machine(_ name: String, _ numbers: [String: Double] = [:]) throws -> ScalarMachine {
    try ScalarMachine(name, Attributes(name, numbers: numbers))
  }

  private func numbers(_ values: [String: Double]) -> Attributes { Attributes("step", numbers: values) }

  func testL4ByItsFormula() throws {
    let l4 = try machine("l4")
    let first = try l4.begin(numbers(["loss": 2, "smoothed_slope": 4]))
    guard case .take(let rate) = first else { return XCTFail("\(first)") }
    XCTAssertEqual(rate, 0.15 * (2 - 0.9 * 0.75 * 2) / (4 + 1e-12), accuracy: 1e-15)
    XCTAssertEqual(try l4.begin(numbers(["loss": 2])), .stay)
    XCTAssertThrowsError(try l4.check(loss: -1))
    XCTAssertThrowsError(try l4.begin(numbers(["loss": -1, "smoothed_slope": 1])))
  }

  func testAProbeIsAConversation() throws {
    // L(a) = 2 - 3 a + 2 a^2, whose minimum is at 3/4
    let along = { (a: Double) in 2 - 3 * a + 2 * a * a }
    let qlab = try machine("qlabgrad", ["trial": 0.5, "find_trial": 0])
    let twin = qlab.clone()
    XCTAssertEqual(try qlab.begin(numbers(["loss": 2, "slope": 3])), .probe(at: 0.5))
    XCTAssertThrowsError(try qlab.begin(numbers(["loss": 2])), "in progress")
    XCTAssertThrowsError(try qlab.answer(numbers(["curvature": 1])))
    XCTAssertEqual(try qlab.answer(numbers(["loss": along(0.5)])), .take(0.75))
    XCTAssertThrowsError(try qlab.answer(numbers(["loss": 1])), "no step")
    XCTAssertEqual(twin.state.map(\.value), [0.5, 0])
    XCTAssertEqual(qlab.state.map(\.value), [0.5, 1])
  }

  func testAbortForgets() throws {
    let qlab = try machine("qlabgrad", ["trial": 0.5])
    _ = try qlab.begin(numbers(["loss": 2, "slope": 3]))
    _ = try qlab.answer(numbers(["loss": 10]))  // halves the trial rate
    XCTAssertEqual(qlab.clone().state[0].value, 0.5)
    qlab.abort()
    XCTAssertEqual(qlab.state[0].value, 0.5)
    XCTAssertEqual(try qlab.begin(numbers(["loss": 2, "slope": 3])), .probe(at: 0.5))
  }

  func testGradientsAndCurvatureAreAskedFor() throws {
    let naive = try machine("naive_tlr", ["initial": 0.1, "meta_lr": 0.01])
    XCTAssertEqual(try naive.begin(numbers(["loss": 2])), .probeGradient(at: 0.1))
    XCTAssertThrowsError(try naive.answer(numbers(["loss": 2])), "slope")
    XCTAssertEqual(try naive.answer(numbers(["loss": 2, "slope": 3])), .take(0.1 + 0.01 * 3))
    let newton = try machine("newton")
    XCTAssertEqual(try newton.begin(numbers(["loss": 2, "slope": 3])), .measureCurvature)
    XCTAssertThrowsError(try newton.answer(numbers(["loss": 2])))
    XCTAssertEqual(try newton.answer(numbers(["curvature": 4])), .take(0.75))
  }

  func testWindowAndPreviousStepReachTheMachine() throws {
    let tlr = try machine("tlr", ["initial": 1, "window_steps": 1])
    XCTAssertEqual(
      try tlr.begin(numbers(["loss": 1, "window_dot": 1, "window_norm2": 1])), .take(1 + 1 / (1 / 0.25)))
    let hd = try machine("hd", ["initial": 1, "meta_lr": 0.5])
    XCTAssertEqual(try hd.begin(numbers(["loss": 1])), .take(1))
    XCTAssertEqual(try hd.begin(numbers(["loss": 1, "previous_dot": -4])), .take(-1))
    let dog = try machine("dog", ["initial": 0.5])
    XCTAssertEqual(
      try dog.begin(numbers(["loss": 1, "start2": 9, "gradient_norm2": 16 - 1e-8])), .take(2 / 4))
  }

  func testStateComesBackWhole() throws {
    let l4 = try machine("l4")
    _ = try l4.begin(numbers(["loss": 2, "smoothed_slope": 4]))
    let copy = try machine("l4")
    try copy.load(Attributes("load", numbers: Dictionary(uniqueKeysWithValues: l4.state.map { ($0, $1) })))
    let next = numbers(["loss": 1.9, "smoothed_slope": 1])
    XCTAssertEqual(try copy.begin(next), try l4.begin(next))
    XCTAssertThrowsError(try copy.load(numbers([:])))
    XCTAssertThrowsError(try copy.load(numbers(["lowest_loss": 1, "more": 1])))
  }

  func testNumbersThatMustNotReachAMachine() throws {
    let sps = try machine("sps")
    XCTAssertThrowsError(try sps.begin(numbers(["loss": .nan])))
    XCTAssertThrowsError(try sps.begin(numbers(["loss": 1, "gradient_norm2": .infinity])))
    XCTAssertThrowsError(try sps.begin(numbers(["slope": 1])), "loss")
    XCTAssertThrowsError(try sps.begin(numbers(["loss": 1, "slop": 1])))
    XCTAssertThrowsError(try sps.begin(numbers(["loss": 1, "steps_per_epoch": 0])))
    XCTAssertEqual(
      try sps.begin(numbers(["loss": 1, "slope": 4, "steps_per_epoch": 1])), .take(1 / (2 + 1e-8)))
  }

  func testFactsAndSchedule() throws {
    let tlr = try machine("tlr", ["window_steps": 5, "initial": 0.25])
    XCTAssertEqual(try tlr.property("window"), 5)
    XCTAssertEqual(try tlr.property("uses_window"), 1)
    XCTAssertEqual(try tlr.property("probes"), 0)
    XCTAssertEqual(try tlr.property("initial_rate"), 0.25)
    XCTAssertThrowsError(try tlr.property("color"))
    XCTAssertEqual(try tlr.factor(step: 3), 1)
    let warm = try ScalarMachine(
      "l4", Attributes("l4", ["schedule.0": .text("constant"), "schedule.0.rate": .numbers([0.5])]))
    XCTAssertEqual(try warm.factor(step: 3), 0.5)
  }
}
