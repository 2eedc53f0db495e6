import TestSupport
import XCTest

@testable import Vocabulary

final class AttributesTests: XCTestCase {
  private let given = Attributes(
    "thing",
    [
      "one": .numbers([1.5]), "list": .numbers([1, 2]), "none": .numbers([]), "whole": .numbers([7]),
      "word": .text("x"), "huge": .numbers([1e30]), "off": .numbers([0]),
    ])

  func testWhatIsThereIsRead() throws {
    XCTAssertEqual(try given.number("one"), 1.5)
    XCTAssertEqual(try given.number("absent", default: 4), 4)
    XCTAssertEqual(try given.integer("whole"), 7)
    XCTAssertEqual(try given.integer("absent", default: -2), -2)
    XCTAssertEqual(try given.integers("list"), [1, 2])
    XCTAssertEqual(try given.integers("none"), [])
    XCTAssertNil(try given.integers("absent"))
    XCTAssertEqual(try given.text("word"), "x")
    XCTAssertEqual(try given.text("absent", default: "y"), "y")
    XCTAssertTrue(try given.flag("one", default: false))
    XCTAssertFalse(try given.flag("off", default: true))
    XCTAssertTrue(try given.flag("absent", default: true))
    XCTAssertTrue(given.has("none"))
    XCTAssertFalse(given.has("absent"))
    XCTAssertEqual(try Attributes("n", numbers: ["a": 2]).number("a"), 2)
  }

  func testWhatIsMissingOrWrongIsNamed() {
    expectFailure(.value, ["thing", "'absent'"]) { try given.number("absent") }
    expectFailure(.value, ["thing", "'absent'"]) { try given.text("absent") }
    expectFailure(.type, ["word", "'x'"]) { try given.number("word") }
    expectFailure(.type, ["list", "[1.0, 2.0]"]) { try given.number("list") }
    expectFailure(.type, ["none", "[]"]) { try given.number("none") }
    expectFailure(.type, ["one", "1.5"]) { try given.text("one") }
    expectFailure(.type, ["word", "'x'"]) { try given.integers("word") }
    expectFailure(.value, ["one", "whole number", "1.5"]) { try given.integer("one") }
    expectFailure(.value, ["one", "1.5"]) { try given.integers("one") }
    expectFailure(.value, ["huge", "1e+30"]) { try given.integer("huge") }
    expectFailure(.value, ["nan"]) { try Attributes("n", numbers: ["a": .nan]).integer("a") }
  }

  func testAMisspeltNameIsRefused() throws {
    try Attributes("thing").allow([])
    try given.allow(["one", "list", "none", "whole", "word", "huge", "off", "more"])
    expectFailure(.value, ["thing", "'huge'", "it takes one, two"]) { try given.allow(["one", "two"]) }
    expectFailure(.value, ["it takes none"]) { try given.allow([]) }
  }
}
