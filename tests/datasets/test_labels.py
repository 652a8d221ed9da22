"""What is asked about a photograph that the image encoder has named."""

from blip2_core.datasets.labels import label_records
from blip2_core.datasets.things import Thing

BEAGLE = Thing("x.jpg", "beagle", (), ("hound", "dog", "animal"), "02088364", "labels")


def test_a_label_becomes_three_questions_for_the_name_and_one_whether_it_is_there():
    records = list(label_records([BEAGLE], seed=0))
    assert [record.kind for record in records] == ["name"] * 3 + ["yes_no"]
    assert all("beagle" in record.answers[0] for record in records[:3])
    assert len({record.question for record in records}) == 4
    assert records[3].question == "Is there a beagle in the picture?" and records[3].answers == ("Yes.",)
