import Adaptation
import Kernels
import Vocabulary
import XCTest

@testable import Training

final class FlightRecorderTests: XCTestCase {
  private let width = FlightRecorder.fields.count

  private func row(_ step: Int) -> [Double] {
    FlightRecorder.row(
      step: step, machine: 0, StepView(loss: Double(step)), probes: 0, rate: 0.5, outcome: .taken)
  }

  /// The ring holds the last rows in order, for every number of rows around its capacity.
  func testHoldsTheLastRowsInOrder() {
    for count in 0...12 {
      var recorder = FlightRecorder(capacity: 5)
      for step in 0..<count { recorder.add(row(step)) }
      let steps = stride(from: 0, to: recorder.history.count, by: width).map { Int(recorder.history[$0]) }
      XCTAssertEqual(steps, Array(max(0, count - 5)..<count))
    }
  }

  func testEveryFieldHasItsPlace() {
    var view = StepView(loss: 1)
    (view.slope, view.smoothedSlope, view.gradientNorm2, view.curvature) = (2, 3, 4, 5)
    view.window = StepView.Window(previousDot: 6, norm2: 7)
    view.probe = StepView.Probe(length: 8, loss: 9)
    view.previous = StepView.Previous()
    view.previous!.decayedDirectionDot = 10
    let row = FlightRecorder.row(
      step: 11, machine: 12, view, probes: 13, rate: 14, bound: .highest, fellBack: true, outcome: .undone,
      limit: 15,
      scale: 16)
    let named = Dictionary(uniqueKeysWithValues: zip(FlightRecorder.fields, row))
    let expected: [String: Double] = [
      "step": 11, "machine": 12, "loss": 1, "slope": 2, "smoothed_slope": 3, "gradient_norm2": 4,
      "previous_dot": 10, "window_dot": 6, "window_norm2": 7, "probes": 13, "probe_length": 8,
      "probe_loss": 9,
      "curvature": 5, "rate": 14, "bound": 1, "fallback": 1, "limit": 15, "scale": 16, "outcome": 3,
    ]
    for (name, value) in expected { XCTAssertEqual(named[name], value, name) }
    XCTAssertEqual(named.count, row.count)
  }

  func testReplayRefusesMethodsThatEvaluateTheModel() {
    for name in ["qlabgrad", "lqa", "sls", "newton", "prodigy", "constant"] {
      let arguments = Attributes(name, numbers: name == "constant" ? ["rate": 0.1] : [:])
      XCTAssertThrowsError(try replay(name, arguments, [], machine: 0), name)
    }
  }
}
