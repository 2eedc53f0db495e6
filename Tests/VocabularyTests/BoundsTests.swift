import XCTest

@testable import Vocabulary

final class BoundsTests: XCTestCase {
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
}
