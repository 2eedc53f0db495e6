import Vocabulary
import XCTest

@testable import Adaptation

final class ScheduleCatalogueTests: XCTestCase {
  func testNoSchedules() throws {
    XCTAssertNil(try ScheduleCatalogue.read(Attributes("L4", numbers: ["alpha": 0.15])))
  }

  func testAProductOfTwoBesideOtherArguments() throws {
    let attributes = Attributes(
      "L4",
      [
        "alpha": .numbers([0.15]), "schedule.0": .text("warm_up"), "schedule.0.steps": .numbers([2]),
        "schedule.0.start_factor": .numbers([0]), "schedule.1": .text("piecewise"),
        "schedule.1.values": .numbers([3, 5]), "schedule.1.steps": .numbers([4]),
      ])
    assertValues(try XCTUnwrap(ScheduleCatalogue.read(attributes)), [0, 1.5, 5, 5])
    let remaining = ScheduleCatalogue.remaining(attributes)
    XCTAssertEqual(remaining.owner, "L4")
    XCTAssertEqual(remaining.values, ["alpha": .numbers([0.15])])
  }

  func testMalformedKeysAreErrors() {
    for key in ["schedule.", "schedule.x", "schedule.-1", "schedule.01", "schedule.+1.rate"] {
      XCTAssertThrowsError(try ScheduleCatalogue.read(Attributes("test", [key: .text("constant")])), key) {
        XCTAssertTrue("\($0)".contains("'\(key)' must read schedule.<number>"), "\($0)")
      }
    }
    XCTAssertThrowsError(try ScheduleCatalogue.read(Attributes("test", numbers: ["schedule.1.rate": 1]))) {
      XCTAssertEqual("\($0)", "test: 'schedule.1', the name of a schedule, is missing")
    }
    XCTAssertThrowsError(try ScheduleCatalogue.read(Attributes("test", numbers: ["schedule.0": 1]))) {
      XCTAssertEqual("\($0)", "test: schedule.0 must be a text, got 1.0")
    }
    XCTAssertThrowsError(try schedule("cosinus", [:])) {
      XCTAssertTrue("\($0)".hasPrefix("there is no schedule 'cosinus'; known: constant, step"), "\($0)")
    }
  }

  func testNamesAndListsAreThoseOfTheCards() {
    let cards = ScheduleCatalogue.schedules.map { $0.card }
    XCTAssertEqual(Set(cards.map(\.name)).count, cards.count)
    for schedule in ScheduleCatalogue.schedules {
      let arguments = schedule.card.arguments.map(\.name)
      XCTAssertTrue(Set(schedule.lists).isSubset(of: arguments), schedule.card.name)
      for argument in schedule.card.arguments {
        if let fallback = argument.default {
          XCTAssertTrue(argument.bounds.contains(fallback), argument.name)
        }
      }
    }
  }
}
