def test_page_lists_what_was_added(client):
    assert client.post("/items", data={"title": "Oil the capstan"}).status_code == 303
    assert "Oil the capstan" in client.get("/").text
