import Adaptation
import XCTest

@testable import Training

final class StepInputsTests: XCTestCase {
  /// What is put back is what was taken, and nothing else.
  func testEveryInputComesBackAlone() {
    for (i, input) in StepInput.all.enumerated() {
      var view = StepView(loss: 0)
      let before = StepInput.all.map { $0.value(view) }
      input.put(&view, 7)
      for (j, other) in StepInput.all.enumerated() {
        let (now, then) = (other.value(view), before[j])
        if i == j {
          XCTAssertEqual(now, 7, input.name)
        } else {
          XCTAssertTrue(
            now == then || then.isNaN && (now == 0 || now.isNaN), "\(input.name) changed \(other.name)")
        }
      }
    }
  }

  func testWhatWasNotAskedForIsNotANumber() {
    let asked = Set([
      "loss", "slope", "smoothed_slope", "gradient_norm2", "steps_per_epoch", "stretch", "turn", "entries",
    ])
    let start = Set(["travelled2", "start_dot", "start2"])
    for input in StepInput.all where !asked.union(start).contains(input.name) {
      XCTAssertTrue(input.value(StepView(loss: 1)).isNaN, input.name)
    }
  }

  func testNamesAreUnique() {
    XCTAssertEqual(Set(FlightRecorder.fields).count, FlightRecorder.fields.count)
  }
}
