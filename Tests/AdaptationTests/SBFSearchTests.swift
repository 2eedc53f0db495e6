import Vocabulary
import XCTest

@testable import Adaptation

final class SBFSearchTests: XCTestCase {
  /// Without noise the search ends within 2 % of any threshold it is asked for.
  func testFindsAThreshold() throws {
    for exponent in stride(from: -3.0, through: 1.5, by: 0.25) {
      var threshold = 1.0
      for _ in 0..<Int(abs(exponent) * 4) { threshold *= exponent > 0 ? 1.7782794 : 1 / 1.7782794 }
      var search = SBFSearch(try SBFSearch.card.read(Attributes("SBFSearch", numbers: ["start": 1])))
      while !search.isDone { try search.signal(search.value < threshold ? 1 : -1) }
      XCTAssertEqual(search.value / threshold, 1, accuracy: 0.02, "threshold \(threshold)")
      XCTAssertLessThanOrEqual(search.signals, 120)
    }
  }

  func testASearchThatIsDoneTakesNoMoreSignals() throws {
    let settings = try SBFSearch.card.read(
      Attributes("SBFSearch", numbers: ["max_signals": 1, "final_signals": 1]))
    var search = SBFSearch(settings)
    try search.signal(1)
    try search.signal(1)
    XCTAssertTrue(search.isDone)
    XCTAssertThrowsError(try search.signal(1))
  }

  /// Half of it alone, and a search that another leads: halted at every signal until it has said its value.
  func testHalvesAndASearchThatIsLed() throws {
    func make(_ numbers: [String: Double]) throws -> SBFSearch {
      SBFSearch(try SBFSearch.card.read(Attributes("SBFSearch", numbers: numbers)))
    }
    XCTAssertEqual(try make(["max_signals": 0]).phase, .fine)
    var coarse = try make(["max_signals": 1, "final_signals": 0])
    try coarse.signal(-1)
    XCTAssertTrue(coarse.isDone)
    XCTAssertThrowsError(try coarse.go(on: 1, done: false))
    var led = try make(["given": 1, "start": 2])
    try led.signal(-1)
    XCTAssertEqual(led.asked, -1)
    XCTAssertTrue(led.isDone)
    XCTAssertThrowsError(try led.go(on: .nan, done: false))
    try led.go(on: 0.5, done: false)
    XCTAssertEqual(led.value, 0.5)
    XCTAssertEqual(led.asked, 0)
    XCTAssertFalse(led.isDone)
    try led.signal(1)
    try led.go(on: 0.7, done: true)
    XCTAssertTrue(led.isDone)
  }
}
