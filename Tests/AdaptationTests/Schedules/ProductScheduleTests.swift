import XCTest

@testable import Adaptation

final class ProductScheduleTests: XCTestCase {
  func testMultipliesItsFactors() throws {
    let product = ProductSchedule([
      try schedule("warm_up", ["steps": 2, "start_factor": 0]),
      try schedule("reciprocal", ["initial": 6, "decay": 1]),
    ])
    assertValues(product, [0, 1.5, 2, 1.5])
    assertValues(ProductSchedule([]), [1, 1])
  }
}
