import Vocabulary
import XCTest

@testable import Adaptation

extension Dictionary where Key == String, Value == Attributes.Value {
  /// The arguments of factor 0.
  func named(_ name: String) -> Attributes {
    var values: [String: Attributes.Value] = ["schedule.0": .text(name)]
    for (key, value) in self { values["schedule.0.\(key)"] = value }
    return Attributes("test", values)
  }
}

/// A schedule as it arrives over the ABI.
func schedule(_ name: String, lists: [String: [Double]] = [:], _ numbers: [String: Double]) throws
  -> any Schedule
{
  let values = lists.merging(numbers.mapValues { [$0] }) { $1 }.mapValues(Attributes.Value.numbers)
  // XCTUnwrap around it would record an expected error as a failure.
  let made = try ScheduleCatalogue.read(values.named(name))
  return try XCTUnwrap(made)
}

func assertValues(
  _ schedule: any Schedule, _ expected: [Double], file: StaticString = #filePath, line: UInt = #line
) {
  for (t, value) in expected.enumerated() {
    XCTAssertEqual(
      schedule.value(t), value, accuracy: 1e-14 * max(1, abs(value)), "step \(t)", file: file, line: line)
  }
}

func assertFails(
  _ name: String, lists: [String: [Double]] = [:], _ numbers: [String: Double], _ message: String,
  file: StaticString = #filePath, line: UInt = #line
) {
  XCTAssertThrowsError(try schedule(name, lists: lists, numbers), file: file, line: line) {
    XCTAssertEqual("\($0)", message, file: file, line: line)
  }
}
