import Foundation
import XCTest

@testable import CInterface

final class ThreadTextsTests: XCTestCase {
  func testATextStaysUntilTheThreadSetsTheNext() {
    let texts = ThreadTexts()
    XCTAssertEqual(String(cString: texts.get()), "")
    texts.set("first")
    let pointer = texts.get()
    XCTAssertEqual(texts.get(), pointer)
    XCTAssertEqual(String(cString: pointer), "first")
    texts.set("η – zwölf")
    XCTAssertEqual(String(cString: texts.get()), "η – zwölf")
    texts.set("")
    XCTAssertEqual(String(cString: texts.get()), "")
  }

  func testInstancesAreApart() {
    let (a, b) = (ThreadTexts(), ThreadTexts())
    a.set("a")
    b.set("b")
    XCTAssertEqual(String(cString: a.get()), "a")
  }

  func testThreadsAreApart() {
    let texts = ThreadTexts()
    texts.set("main")
    let done = expectation(description: "threads")
    done.expectedFulfillmentCount = 6
    for thread in 0..<6 {
      Thread {
        XCTAssertEqual(String(cString: texts.get()), "")
        for i in 0..<300 {
          texts.set("\(thread) \(i)")
          if i % 50 == 0 { usleep(50) }
          XCTAssertEqual(String(cString: texts.get()), "\(thread) \(i)")
        }
        done.fulfill()
      }.start()
    }
    wait(for: [done], timeout: 30)
    XCTAssertEqual(String(cString: texts.get()), "main")
  }
}
