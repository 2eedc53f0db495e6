import Vocabulary
import XCTest

@testable import Adaptation

final class ScheduleSettingsTests: XCTestCase {
  func testTypesAreChecked() {
    XCTAssertThrowsError(try ScheduleCatalogue.read(["rate": .text("fast")].named("constant"))) {
      XCTAssertEqual(($0 as? Failure)?.kind, .type)
      XCTAssertEqual("\($0)", "constant schedule: rate must be a number, got 'fast'")
    }
    XCTAssertThrowsError(try ScheduleCatalogue.read(["rate": .numbers([1, 2])].named("constant"))) {
      XCTAssertEqual("\($0)", "constant schedule: rate must be a number, got [1.0, 2.0]")
    }
    let text = ["values": Attributes.Value.text("1, 2"), "steps": .numbers([2])]
    XCTAssertThrowsError(try ScheduleCatalogue.read(text.named("piecewise"))) {
      XCTAssertEqual("\($0)", "piecewise schedule: values must be numbers, got '1, 2'")
    }
  }

  func testUnknownArgumentsAreNamed() {
    assertFails(
      "exponential", ["initial": 1, "gama": 1],
      "exponential schedule has no argument 'gama'; it takes initial, gamma")
  }
}
