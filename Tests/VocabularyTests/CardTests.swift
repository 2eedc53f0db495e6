import XCTest

@testable import Vocabulary

final class CardTests: XCTestCase {
  private let card = Card(
    "m", title: "Method", paper: "", cost: "",
    arguments: [.init("given", nil, .positive, ""), .init("kept", 0.5, .from(0, below: 1), "")])

  private enum Colour: Choice { case red, green, blue }
  private let chooser = Card(
    "c", title: "Chooser", paper: "", cost: "",
    arguments: [.init("colour", Colour.self, ""), .init("limit", optional: .above(1, to: 4), "")])

  func testAChoiceIsAWordOrItsPlace() throws {
    func colour(_ value: Attributes.Value?) throws -> Colour {
      try chooser.read(Attributes("Chooser", value.map { ["colour": $0] } ?? [:])).choice("colour")
    }
    XCTAssertEqual(try colour(nil), .red)
    XCTAssertEqual(try colour(.text("blue")), .blue)
    XCTAssertEqual(try colour(.numbers([1])), .green)
    for (value, got) in [
      (Attributes.Value.text("grey"), "'grey'"), (.numbers([3]), "3.0"), (.numbers([0.5]), "0.5"),
    ] {
      XCTAssertThrowsError(try colour(value)) { error in
        XCTAssertEqual("\(error)", "Chooser: colour must be 'red', 'green' or 'blue', got \(got)")
      }
    }
    XCTAssertThrowsError(try card.read(Attributes("Method", ["given": .text("red")]))) { error in
      XCTAssertEqual((error as? Failure)?.kind, .type)
    }
  }

  func testAnOptionalArgumentIsZeroOrWithinItsBounds() throws {
    func limit(_ numbers: [String: Double]) throws -> Double {
      try chooser.read(Attributes("Chooser", numbers: numbers))["limit"]
    }
    XCTAssertEqual(try limit([:]), 0)
    XCTAssertEqual(try limit(["limit": 0]), 0)
    XCTAssertEqual(try limit(["limit": 4]), 4)
    for wrong in [1.0, 5, -1, .nan] {
      XCTAssertThrowsError(try limit(["limit": wrong])) { error in
        XCTAssertTrue("\(error)".contains("limit must be above 1 and at most 4"), "\(error)")
      }
    }
  }

  func testReadingFillsInDefaults() throws {
    let settings = try card.read(Attributes("Method", numbers: ["given": 2]))
    XCTAssertEqual(settings["given"], 2)
    XCTAssertEqual(settings["kept"], 0.5)
    XCTAssertEqual(settings.values.count, 2)
  }

  func testReadingRefusesWithTheNameTheBoundsAndTheValue() {
    let cases: [([String: Double], [String])] = [
      ([:], ["Method", "'given'"]), (["given": 0], ["Method", "given", "above 0", "0.0"]),
      (["given": 1, "kept": 1], ["kept", "at least 0 and below 1", "1.0"]),
      (["given": 1, "keep": 1], ["'keep'", "given, kept"]), (["given": .nan], ["given", "nan"]),
    ]
    for (numbers, parts) in cases {
      XCTAssertThrowsError(try card.read(Attributes("Method", numbers: numbers))) { error in
        XCTAssertEqual((error as? Failure)?.kind, .value)
        for part in parts { XCTAssertTrue("\(error)".contains(part), "\(error)") }
      }
    }
  }
}
