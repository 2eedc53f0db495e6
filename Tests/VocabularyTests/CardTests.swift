import XCTest

@testable import Vocabulary

final class CardTests: XCTestCase {
  private let card = Card(
    "m", title: "Method", paper: "", cost: "",
    arguments: [.init("given", nil, .positive, ""), .init("kept", 0.5, .from(0, below: 1), "")])

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
