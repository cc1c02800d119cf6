"""The SQL of the index, for each dialect: what is asked of it, and how it is written.

Lists are sent as one JSON parameter each: databases limit the number of parameters, and drivers take longer to adapt
a list. PostgreSQL does not know how long such a list is, nor how common its terms are. `OFFSET 0` and `ORDER BY` keep
it to a look-up in an index for each item, whatever its statistics say. Both databases go through such a list in its
order, and stop reading at a `LIMIT`: to sort what was read would mean to read all of it.
"""

import json
from typing import NamedTuple

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.orm import Session


class IndexStatements(NamedTuple):
    """The statements of one dialect.

    Attributes:
        frequencies: The number of postings of each of the `terms`, up to `at_most`.
        heaviest: The `at_most` patterns whose followed postings weigh most; see `error_patterns.matching.index`. A
            posting of an attempt, whose position is `attempts`, counts for the `attempted` terms alone.
        numbers: The patterns that have a posting of one of the `terms`.
        phrases: The ids and the phrases, as JSON text, of the patterns with these `numbers`.
        write_phrases: Insert or replace the phrases of patterns: `rows` of id and phrases.
        insert_postings: Insert the postings of the phrases that are stored of patterns, where they are missing.
        erase_postings: Delete these postings. On SQLite of one `pattern_id`: of rows of terms and numbers, it would
            look up the terms alone, and read all of their postings.
        count_postings: The number of these postings that there are, for each pattern.
    """

    frequencies: TextClause
    heaviest: TextClause
    numbers: TextClause
    phrases: TextClause
    write_phrases: TextClause
    insert_postings: TextClause
    erase_postings: TextClause
    count_postings: TextClause


_SQLITE = IndexStatements(
    frequencies=text("""
        SELECT value, (SELECT count(*) FROM (SELECT 1 FROM error_pattern_postings WHERE term = value LIMIT :at_most))
        FROM json_each(:terms) WHERE EXISTS (SELECT 1 FROM error_pattern_postings WHERE term = value)
    """),
    heaviest=text("""
        SELECT number FROM (
            SELECT number, asked.value AS weight
            FROM json_each(:whole) AS asked CROSS JOIN error_pattern_postings ON term = asked.key
            WHERE position > :attempts OR asked.key IN (SELECT value FROM json_each(:attempted))
            UNION ALL
            SELECT number, weight FROM (
                SELECT posting.value AS number, asked.value AS weight
                FROM json_each(:newest) AS asked CROSS JOIN json_each((
                    SELECT json_group_array(
                        iif(
                            position > :attempts OR asked.key IN (SELECT value FROM json_each(:attempted)), number, NULL
                        )
                    ) FROM (
                        SELECT number, position FROM error_pattern_postings WHERE term = asked.key
                        ORDER BY number DESC, position DESC LIMIT :remaining
                    )
                )) AS posting
                LIMIT :remaining
            )
        )
        WHERE number IS NOT NULL
        GROUP BY number ORDER BY sum(weight) DESC, number DESC LIMIT :at_most
    """),
    numbers=text("""
        SELECT DISTINCT number FROM json_each(:terms) AS asked
        CROSS JOIN error_pattern_postings ON term = asked.value
    """),
    phrases=text("""
        SELECT pattern_id, phrases FROM json_each(:numbers) AS asked
        CROSS JOIN error_pattern_phrases ON number = asked.value
    """),
    write_phrases=text("""
        INSERT INTO error_pattern_phrases (pattern_id, phrases)
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:rows) WHERE true
        ON CONFLICT (pattern_id) DO UPDATE SET phrases = excluded.phrases
    """),
    insert_postings=text("""
        INSERT INTO error_pattern_postings (term, number, position)
        SELECT json_extract(phrase.value, '$[0]'), number, json_extract(phrase.value, '$[1]')
        FROM json_each(:pattern_ids) AS asked
        CROSS JOIN error_pattern_phrases ON pattern_id = asked.value
        CROSS JOIN json_each(phrases) AS phrase
        WHERE true ORDER BY 1, 2, 3
        ON CONFLICT DO NOTHING
    """),
    erase_postings=text("""
        DELETE FROM error_pattern_postings
        WHERE number = (SELECT number FROM error_pattern_phrases WHERE pattern_id = :pattern_id) AND term IN (
            SELECT json_extract(phrase.value, '$[0]')
            FROM error_pattern_phrases CROSS JOIN json_each(phrases) AS phrase WHERE pattern_id = :pattern_id
        )
    """),
    count_postings=text("""
        SELECT pattern_id, count(*)
        FROM json_each(:pattern_ids) AS asked
        CROSS JOIN error_pattern_phrases AS stored ON pattern_id = asked.value
        CROSS JOIN json_each(phrases) AS phrase
        CROSS JOIN error_pattern_postings AS posting ON term = json_extract(phrase.value, '$[0]')
            AND posting.number = stored.number AND position = json_extract(phrase.value, '$[1]')
        GROUP BY pattern_id
    """),
)

_POSTGRESQL = IndexStatements(
    frequencies=text("""
        SELECT asked.term, counted.frequency
        FROM json_array_elements_text(CAST(:terms AS json)) AS asked (term)
        CROSS JOIN LATERAL (
            SELECT count(*) AS frequency FROM (
                SELECT FROM error_pattern_postings AS posting WHERE posting.term = asked.term
                ORDER BY number LIMIT :at_most
            ) AS found
        ) AS counted
        WHERE counted.frequency > 0
    """),
    heaviest=text("""
        SELECT number FROM (
            SELECT posting.number, CAST(asked.weight AS integer) AS weight
            FROM json_each_text(CAST(:whole AS json)) AS asked (term, weight)
            CROSS JOIN LATERAL (
                SELECT number, position FROM error_pattern_postings AS posting WHERE posting.term = asked.term
                ORDER BY number OFFSET 0
            ) AS posting
            WHERE posting.position > :attempts
                OR asked.term = ANY (ARRAY(SELECT json_array_elements_text(CAST(:attempted AS json))))
            UNION ALL
            SELECT newest.number, newest.weight FROM (
                SELECT posting.number, posting.position, asked.term, CAST(asked.weight AS integer) AS weight
                FROM json_each_text(CAST(:newest AS json)) AS asked (term, weight)
                CROSS JOIN LATERAL (
                    SELECT number, position FROM error_pattern_postings AS posting WHERE posting.term = asked.term
                    ORDER BY number DESC, position DESC LIMIT :remaining
                ) AS posting
                LIMIT :remaining
            ) AS newest
            WHERE newest.position > :attempts
                OR newest.term = ANY (ARRAY(SELECT json_array_elements_text(CAST(:attempted AS json))))
        ) AS followed
        GROUP BY number ORDER BY sum(weight) DESC, number DESC LIMIT :at_most
    """),
    numbers=text("""
        SELECT DISTINCT posting.number
        FROM json_array_elements_text(CAST(:terms AS json)) AS asked (term)
        CROSS JOIN LATERAL (
            SELECT number FROM error_pattern_postings AS posting WHERE posting.term = asked.term
            ORDER BY number OFFSET 0
        ) AS posting
    """),
    phrases=text("""
        SELECT stored.pattern_id, CAST(stored.phrases AS text)
        FROM json_array_elements_text(CAST(:numbers AS json)) AS asked (number)
        CROSS JOIN LATERAL (
            SELECT pattern_id, phrases FROM error_pattern_phrases WHERE number = CAST(asked.number AS bigint) OFFSET 0
        ) AS stored
    """),
    write_phrases=text("""
        INSERT INTO error_pattern_phrases (pattern_id, phrases)
        SELECT value->>0, value->1 FROM json_array_elements(CAST(:rows AS json)) AS row (value)
        ON CONFLICT (pattern_id) DO UPDATE SET phrases = excluded.phrases
    """),
    insert_postings=text("""
        INSERT INTO error_pattern_postings (term, number, position)
        SELECT phrase.value->>0, stored.number, CAST(phrase.value->>1 AS smallint)
        FROM json_array_elements_text(CAST(:pattern_ids AS json)) AS asked (pattern_id)
        CROSS JOIN LATERAL (
            SELECT number, phrases FROM error_pattern_phrases WHERE pattern_id = asked.pattern_id OFFSET 0
        ) AS stored
        CROSS JOIN json_array_elements(stored.phrases) AS phrase (value)
        ON CONFLICT DO NOTHING
    """),
    erase_postings=text("""
        DELETE FROM error_pattern_postings WHERE ctid = ANY (ARRAY(
            SELECT posting.ctid
            FROM json_array_elements_text(CAST(:pattern_ids AS json)) AS asked (pattern_id)
            CROSS JOIN LATERAL (
                SELECT number, phrases FROM error_pattern_phrases WHERE pattern_id = asked.pattern_id OFFSET 0
            ) AS stored
            CROSS JOIN json_array_elements(stored.phrases) AS phrase (value)
            CROSS JOIN LATERAL (
                SELECT ctid FROM error_pattern_postings
                WHERE term = phrase.value->>0 AND number = stored.number
                    AND position = CAST(phrase.value->>1 AS smallint)
                OFFSET 0
            ) AS posting
        ))
    """),
    count_postings=text("""
        SELECT asked.pattern_id, count(*)
        FROM json_array_elements_text(CAST(:pattern_ids AS json)) AS asked (pattern_id)
        CROSS JOIN LATERAL (
            SELECT number, phrases FROM error_pattern_phrases WHERE pattern_id = asked.pattern_id OFFSET 0
        ) AS stored
        CROSS JOIN json_array_elements(stored.phrases) AS phrase (value)
        CROSS JOIN LATERAL (
            SELECT FROM error_pattern_postings
            WHERE term = phrase.value->>0 AND number = stored.number AND position = CAST(phrase.value->>1 AS smallint)
            OFFSET 0
        ) AS posting
        GROUP BY asked.pattern_id
    """),
)


def statements_for(connection: Connection | Session) -> IndexStatements:
    """Return the statements in the dialect of a connection."""
    return _POSTGRESQL if dialect_of(connection) == "postgresql" else _SQLITE


def dialect_of(connection: Connection | Session) -> str:
    """Return the name of the dialect of a connection."""
    bind = connection if isinstance(connection, Connection) else connection.get_bind()
    return bind.dialect.name


def as_json(value: object) -> str:
    """Write the parameter of a statement."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
