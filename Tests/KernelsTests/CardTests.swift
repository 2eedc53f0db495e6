import XCTest

@testable import Kernels

final class CardTests: XCTestCase {
  private struct Edge {
    let bounds: Bounds
    let text: String
    let inside: [Double]
    let outside: [Double]
  }

  private let tiny = Double.leastNonzeroMagnitude
  private let big = Double.greatestFiniteMagnitude

  private var edges: [Edge] {
    [
      Edge(bounds: .positive, text: "above 0", inside: [tiny, 1, big], outside: [0, -1, .infinity]),
      Edge(bounds: .notNegative, text: "at least 0", inside: [0, -0.0, big], outside: [-tiny, .infinity]),
      Edge(
        bounds: .positiveOrInfinite, text: "above 0", inside: [tiny, .infinity], outside: [0, -1, -.infinity]),
      Edge(bounds: .finite, text: "finite", inside: [0, -big, big], outside: [.infinity, -.infinity]),
      Edge(bounds: .flag, text: "true or false", inside: [0, 1], outside: [0.5, 2, -1]),
      Edge(bounds: .anyRate, text: "a number", inside: [-.infinity, 0, .infinity], outside: []),
      Edge(
        bounds: .count, text: "a whole number at least 1 and at most 2147483647",
        inside: [1, 2, 2_147_483_647],
        outside: [0, 1.5, -1, 2_147_483_648, .infinity]),
      Edge(
        bounds: .from(0, below: 1), text: "at least 0 and below 1", inside: [0, 0.999],
        outside: [1, -tiny, 2]),
      Edge(
        bounds: .from(0, below: .infinity), text: "at least 0", inside: [0, big], outside: [-1, .infinity]),
      Edge(bounds: .above(0, to: 1), text: "above 0 and at most 1", inside: [tiny, 1], outside: [0, 1.1]),
      Edge(
        bounds: .above(1, to: .infinity), text: "above 1", inside: [1.001, big], outside: [1, .infinity]),
      Edge(
        bounds: .between(0.25, 4), text: "above 0.25 and below 4", inside: [0.26, 3.9], outside: [0.25, 4]),
    ]
  }

  func testBoundsAndTheirTexts() {
    for edge in edges {
      XCTAssertEqual("\(edge.bounds)", edge.text)
      for x in edge.inside { XCTAssertTrue(edge.bounds.contains(x), "\(edge.text): \(x)") }
      for x in edge.outside + [.nan] { XCTAssertFalse(edge.bounds.contains(x), "\(edge.text): \(x)") }
    }
  }

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
