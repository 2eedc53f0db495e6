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
}
